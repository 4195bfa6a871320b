/** `npm run verify` sets it: an answer within a minute. `npm test` does all of the work. */
export const quickVariable = 'TWINWARD_TEST_QUICK'

const share = process.env[quickVariable] === '1' ? 0.1 : 1

/** How many random cases a long fuzz test tries: all of them, or a tenth where the answer is wanted quickly. */
export const effort = (full: number): number => Math.max(1, Math.round(full * share))
