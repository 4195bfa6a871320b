import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

export interface SentMetric {
  readonly name?: string
  readonly alias?: number
  readonly ms?: number
  readonly type?: number
  readonly historical?: boolean
  readonly isNull?: boolean
  readonly int?: number
  readonly long?: bigint
  readonly double?: number
  readonly boolean?: boolean
  readonly text?: string
  /** The property engUnit. */
  readonly unit?: string
  /** The property `Quality`. */
  readonly quality?: number
}

/** A payload as an edge node sends it. */
export function sparkplugPayload({ ms, seq, metrics }: { ms?: number; seq?: number; metrics: readonly SentMetric[] }): Uint8Array {
  const out = new BinaryWriter()
  if (ms !== undefined) out.tag(1, WireType.Varint).uint64(ms)
  for (const metric of metrics) {
    out.tag(2, WireType.LengthDelimited).fork()
    if (metric.name !== undefined) out.tag(1, WireType.LengthDelimited).string(metric.name)
    if (metric.alias !== undefined) out.tag(2, WireType.Varint).uint64(metric.alias)
    if (metric.ms !== undefined) out.tag(3, WireType.Varint).uint64(metric.ms)
    if (metric.type !== undefined) out.tag(4, WireType.Varint).uint32(metric.type)
    if (metric.historical === true) out.tag(5, WireType.Varint).bool(true)
    if (metric.isNull === true) out.tag(7, WireType.Varint).bool(true)
    if (metric.unit !== undefined) {
      out.tag(9, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string('engUnit')
        .tag(2, WireType.LengthDelimited).fork().tag(1, WireType.Varint).uint32(12).tag(8, WireType.LengthDelimited).string(metric.unit).join().join()
    }
    if (metric.quality !== undefined) {
      out.tag(9, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string('Quality')
      out.tag(2, WireType.LengthDelimited).fork().tag(1, WireType.Varint).uint32(3).tag(3, WireType.Varint).uint32(metric.quality).join().join()
    }
    if (metric.int !== undefined) out.tag(10, WireType.Varint).uint32(metric.int)
    if (metric.long !== undefined) out.tag(11, WireType.Varint).uint64(metric.long)
    if (metric.double !== undefined) out.tag(13, WireType.Bit64).double(metric.double)
    if (metric.boolean !== undefined) out.tag(14, WireType.Varint).bool(metric.boolean)
    if (metric.text !== undefined) out.tag(15, WireType.LengthDelimited).string(metric.text)
    out.join()
  }
  if (seq !== undefined) out.tag(3, WireType.Varint).uint64(seq)
  return out.finish()
}
