import { parquetMetadata, parquetRead, type DecodedArray } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { refuse } from '../domain/errors.ts'

/** A column of a table: `integer` up to 2^53, `number` with NaN, `text` with null. */
export type Column =
  | { readonly name: string; readonly type: 'text'; readonly values: readonly (string | null)[] }
  | { readonly name: string; readonly type: 'integer'; readonly values: Float64Array }
  | { readonly name: string; readonly type: 'number'; readonly values: Float64Array }

export interface Table {
  readonly rowCount: number
  readonly columns: readonly Column[]
}

const ROW_GROUP = 100_000

/** One Parquet file (Snappy), readable by any Parquet reader; `metadata` goes into the file's key-value metadata. */
export function writeParquet(table: Table, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const buffer = parquetWriteBuffer({
    columnData: table.columns.map((column) => {
      switch (column.type) {
        case 'text': return { name: column.name, data: [...column.values], type: 'STRING' as const, nullable: true }
        case 'integer': return { name: column.name, data: BigInt64Array.from(column.values, BigInt), type: 'INT64' as const, nullable: false }
        // Plain: a dictionary would take −0 and 0 for one value, and measurements repeat too seldom for it to save much.
        case 'number': return { name: column.name, data: column.values, type: 'DOUBLE' as const, nullable: false, encoding: 'PLAIN' as const }
      }
    }),
    rowGroupSize: ROW_GROUP,
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  })
  return new Uint8Array(buffer)
}

/** Reads such a file back. Refuses (`digest_mismatch`) bytes that are no whole Parquet file or hold other types. */
export async function readParquet(bytes: Uint8Array): Promise<Table> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
  try {
    const metadata = parquetMetadata(file)
    const rowCount = Number(metadata.num_rows)
    const columns: Column[] = metadata.schema.slice(1).map(({ name, type }) => {
      switch (type) {
        case 'BYTE_ARRAY': return { name, type: 'text', values: new Array<string | null>(rowCount).fill(null) }
        case 'INT64': return { name, type: 'integer', values: new Float64Array(rowCount) }
        case 'DOUBLE': return { name, type: 'number', values: new Float64Array(rowCount) }
        default: throw new TypeError(`column ${name} is of type ${type}`)
      }
    })
    const byName = new Map(columns.map((column) => [column.name, column]))
    await parquetRead({
      file, metadata,
      onChunk: ({ columnName, columnData, rowStart }) => fill(byName.get(columnName), columnData, rowStart),
    })
    return { rowCount, columns }
  } catch (error) {
    return refuse('digest_mismatch', `the dataset file is not a whole Parquet file of ours (${(error as Error).message}); `
      + 'restore the object from a backup or take the snapshot again')
  }
}

function fill(column: Column | undefined, data: DecodedArray, from: number): void {
  if (column === undefined) return
  if (column.type === 'text') {
    const values = column.values as (string | null)[]
    for (let i = 0; i < data.length; i++) values[from + i] = (data[i] as string | null | undefined) ?? null
  } else {
    for (let i = 0; i < data.length; i++) column.values[from + i] = Number(data[i])
  }
}
