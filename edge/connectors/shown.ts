const SHOWN = 5

/** The first few, and how many more there are. */
export const shown = (lines: readonly string[]): readonly string[] => (lines.length <= SHOWN ? lines : [...lines.slice(0, SHOWN), `and ${lines.length - SHOWN} more`])
