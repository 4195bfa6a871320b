/** A detector that reads no sensor: it knows only how many rows there are. What does not beat it has learnt nothing. */
export interface NullModel {
  name: string
  flags(rows: number): boolean[]
}

export const alwaysAlarm: NullModel = {
  name: 'always alarm',
  flags: (rows) => new Array<boolean>(rows).fill(true),
}

/**
 * Flags the middle half of every recording. Test-bed recordings have their fault there, so a clock scores well; it also
 * shows what a detector gains that (secretly) knows the row number.
 */
export const middleClock: NullModel = {
  name: 'clock that flags the middle half',
  flags: (rows) => Array.from({ length: rows }, (_, i) => i >= rows / 4 && i < (3 * rows) / 4),
}

export const nullModels: readonly NullModel[] = [alwaysAlarm, middleClock]
