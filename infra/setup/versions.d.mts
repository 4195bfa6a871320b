interface Download { url: string; sha256: string; version?: string }

export declare const node: { minimum: string }
export declare const temporal: { version: string; minimumOnPath: string; goPackage: string; downloads: Record<string, Download> }
export declare const minio: { version: string; label: string; goPackage: string }
export declare const tensorflow: {
  tfjsNode: string
  downloads: Record<string, Download>
  wheel: { requirement: string; version: string; platforms: Record<string, { tags: string[]; sha256: string; bytes: number }> }
}
