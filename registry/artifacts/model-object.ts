export const modelArtifactType = 'application/vnd.twinward.model'

/** Where the object of a model lies in bucket `models`. */
export const modelArtifactKey = (family: string, digest: string): string => `${family}/${digest}`
