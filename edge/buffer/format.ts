/**
 * The format of the buffer's file: this program's, and the earliest whose programs can go on with what it leaves (they
 * pass over fields they do not know). Raise `format` with every change of the file, and `readableBy` with it when earlier
 * programs would read it wrongly: updates go back by themselves only where the former program can.
 */
export const BUFFER_FORMAT = { format: 2, readableBy: 2 } as const
