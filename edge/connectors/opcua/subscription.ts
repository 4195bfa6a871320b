import './library-log.ts'
import {
  AttributeIds, CreateMonitoredItemsRequest, CreateSubscriptionRequest, DataChangeFilter, DataChangeTrigger, DeadbandType, MonitoringMode, resolveNodeId, TimestampsToReturn,
  type StatusCode,
} from 'node-opcua-client'
import type { OpcUaConfig } from './config.ts'
import type { RawSession } from './connection.ts'
import { microsOf } from './data-value.ts'
import { inChunks, type PlannedItem } from './item-plan.ts'
import { nodeIdOn, parseNodeAddress } from './address.ts'
import type { ServerFacts } from './server-facts.ts'

export interface Subscription {
  readonly id: number
  /** As the server revised them. */
  readonly publishingMs: number
  readonly keepAliveCount: number
  /** UTC microseconds by the server's clock (its response's time), when it took the subscription. */
  readonly createdUs: number
  /** By client handle. */
  readonly items: Map<number, MonitoredItem>
}

export interface MonitoredItem {
  readonly plan: PlannedItem
  readonly nodeId: string
  readonly samplingMs: number
}

export interface ItemRefusal {
  readonly plan: PlannedItem
  readonly status: StatusCode | null
  readonly why: string
}

/** Deliveries in one notification message: what bounds memory, and what a slow buffer holds back at the server. */
const MOST_NOTIFICATIONS = 10_000
const LIFETIME_MS = 600_000

export async function createSubscription(session: RawSession, { publishing, silentAfter }: OpcUaConfig, nowUs: number): Promise<Subscription> {
  const keepAliveCount = Math.max(1, Math.floor(silentAfter / 3))
  const answer = await session.createSubscription(new CreateSubscriptionRequest({
    requestedPublishingInterval: publishing,
    requestedMaxKeepAliveCount: keepAliveCount,
    // At least three times the keep-alive count (Part 4, 5.13.2); longer, so that a full buffer does not cost the subscription.
    requestedLifetimeCount: Math.max(3 * keepAliveCount, Math.ceil(LIFETIME_MS / publishing)),
    maxNotificationsPerPublish: MOST_NOTIFICATIONS,
    publishingEnabled: true,
  }))
  return {
    id: answer.subscriptionId,
    publishingMs: answer.revisedPublishingInterval,
    keepAliveCount: answer.revisedMaxKeepAliveCount,
    createdUs: microsOf(answer.responseHeader.timestamp) ?? nowUs,
    items: new Map(),
  }
}

/** Adds items, as many in a call as the server takes. What it refuses is told, and the others go on. */
export async function monitor(session: RawSession, subscription: Subscription, plans: readonly PlannedItem[], facts: ServerFacts, onFilterRefused: (address: string) => void): Promise<ItemRefusal[]> {
  const refused: ItemRefusal[] = []
  const wanted: { plan: PlannedItem; nodeId: string; filtered: boolean }[] = []
  for (const plan of plans) {
    const nodeId = nodeIdOn(parseNodeAddress(plan.address), facts.namespaces)
    if (nodeId === undefined) refused.push({ plan, status: null, why: 'the server has no such namespace' })
    else wanted.push({ plan, nodeId, filtered: plan.deadband !== null })
  }
  const again: typeof wanted = []
  const ask = async (batch: typeof wanted) => {
    const first = subscription.items.size + 1
    // Before the call, as its first values may come before its answer; a handle is kept for what is refused, too: none is used twice.
    batch.forEach(({ plan, nodeId }, i) => subscription.items.set(first + i, { plan, nodeId, samplingMs: plan.samplingMs }))
    const answer = await session.createMonitoredItems(new CreateMonitoredItemsRequest({
      subscriptionId: subscription.id,
      timestampsToReturn: TimestampsToReturn.Both,
      itemsToCreate: batch.map(({ plan, nodeId, filtered }, i) => ({
        itemToMonitor: { nodeId: resolveNodeId(nodeId), attributeId: AttributeIds.Value },
        monitoringMode: MonitoringMode.Reporting,
        requestedParameters: {
          clientHandle: first + i, samplingInterval: plan.samplingMs, queueSize: plan.queueSize, discardOldest: true,
          filter: filtered ? deadbandFilter(plan) : null,
        },
      })),
    }))
    batch.forEach((entry, i) => {
      const result = answer.results?.[i]
      const status = result?.statusCode
      if (result && status?.isGoodish()) {
        subscription.items.set(first + i, { plan: entry.plan, nodeId: entry.nodeId, samplingMs: result.revisedSamplingInterval })
        return
      }
      if (entry.filtered && status && /Filter|Deadband/.test(status.name)) again.push({ ...entry, filtered: false })
      else refused.push({ plan: entry.plan, status: status ?? null, why: status?.name ?? 'the server did not answer for it' })
    })
  }
  for (const batch of inChunks(wanted, facts.monitoredItemsPerCall)) await ask(batch)
  for (const { plan } of again) onFilterRefused(plan.address)
  for (const batch of inChunks([...again], facts.monitoredItemsPerCall)) await ask(batch)
  return refused
}

function deadbandFilter({ deadband }: PlannedItem): DataChangeFilter {
  return new DataChangeFilter({
    trigger: DataChangeTrigger.StatusValue,
    deadbandType: deadband?.kind === 'percent' ? DeadbandType.Percent : DeadbandType.Absolute,
    deadbandValue: deadband?.value ?? 0,
  })
}
