/** Largest message that the embedded brokers take: a batch of 50,000 readings has a few MB. */
export const maxMessageBytes = 32 * 1024 * 1024

/** Messages that wait for a receiver who is away; an outage of some hours at one batch a second and gateway. */
export const maxQueuedMessages = 100_000
