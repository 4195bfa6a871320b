/**
 * The columns of each kind of batch, by name. `raw` is left out when it equals `value`, `quality` when all is good. `tag` always
 * goes through a dictionary, the times of readings may; indices are 8, 16 or 32 bits wide.
 */
export const readingNames = { required: ['tag', 'source_us', 'gateway_us', 'value'], optional: ['raw', 'quality'] } as const
export const waveformNames = {
  required: ['tag', 'start_us', 'gateway_us', 'interval_us', 'scale', 'offset', 'quality', 'samples'], optional: [],
} as const
