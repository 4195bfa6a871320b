import { topics } from '../contract/batch.ts'

/** Whose certificate it is. */
export interface GatewayName {
  readonly site: string
  readonly gateway: string
}

/** Whether this gateway may publish to the topic: its own batches, reports and requests for files, nothing else. */
export function mayPublish({ site, gateway }: GatewayName, topic: string): boolean {
  return topic === topics.batch(site, gateway) || topic === topics.report(site, gateway) || topic === topics.fileRequest(site, gateway)
}

/** Whether it may subscribe with the filter: answers to itself, by name; a filter with a wildcard is none of them. */
export function maySubscribe({ site, gateway }: GatewayName, filter: string): boolean {
  return filter === topics.acknowledgement(site, gateway) || filter === topics.reply(site, gateway) || filter === topics.filePiece(site, gateway)
}
