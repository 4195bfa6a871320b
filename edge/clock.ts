/**
 * The gateway's own clock: follows the system's as long as that runs evenly. When the system's clock jumps, it goes on
 * evenly and says that it is unsure, until it is known which of the two is right: the platform's time tells, or, when
 * nobody can be asked, the new time has stood for ten minutes (a person set it). A system clock that is known to be wrong
 * is kept at its distance until it jumps back.
 */
export interface GatewayClock {
  /** UTC microseconds. Never goes back while it is sure. */
  nowUs(): number
  /** Looks at the system's clock; to be called every second. */
  tick(): ClockJump | undefined
  /** What the platform's clock said, halfway between asking and being answered (NTP, RFC 5905 §8). */
  heard(sentUs: number, platformUs: number, answeredUs: number): ClockJump | undefined
  status(): ClockStatus
}

export interface ClockStatus {
  readonly state: 'ok' | 'unsure'
  /** Gateway minus platform, microseconds; null before the first answer. */
  readonly skewUs: number | null
  readonly jumps: number
}

/** A time in which the clock was not to be trusted is over (`toUs`) or begins. */
export interface ClockJump {
  readonly event: 'jumped' | 'settled'
  /** When it began, by the clock that went on evenly. */
  readonly atUs: number
  /** System clock minus even clock, microseconds. */
  readonly byUs: number
  /** Whether the system's new time was taken over. */
  readonly adopted: boolean
}

export interface ClockSources {
  /** The system's clock, UTC microseconds. */
  readonly systemUs: () => number
  /** Runs evenly from an arbitrary start, microseconds; no jump changes it. */
  readonly evenUs: () => number
}

/** Differences below this are the system's clock being disciplined; it is followed. */
const JUMP_US = 1_000_000
/** How near the platform's time one of the two must be to be believed. */
const BELIEVED_US = 5_000_000
const ADOPT_AFTER_US = 10 * 60 * 1_000_000

export function createGatewayClock({ systemUs, evenUs }: ClockSources): GatewayClock {
  let offsetUs = systemUs() - evenUs()
  let jump: { sinceEvenUs: number; atUs: number; byUs: number } | undefined
  /** How much the system's clock is known to be wrong. */
  let wrongUs = 0
  let skewUs: number | null = null
  let jumps = 0
  const nowUs = () => Math.round(evenUs() + offsetUs)
  const differenceUs = () => systemUs() - evenUs() - offsetUs

  function settle(adopt: boolean): ClockJump {
    const { atUs, byUs } = jump ?? { atUs: nowUs(), byUs: 0 }
    if (adopt) offsetUs = systemUs() - evenUs()
    const byNowUs = differenceUs()
    wrongUs = Math.abs(byNowUs) < JUMP_US ? 0 : byNowUs
    jump = undefined
    return { event: 'settled', atUs, byUs, adopted: adopt }
  }

  return {
    nowUs,
    tick() {
      const byUs = differenceUs()
      if (jump) {
        if (Math.abs(byUs) < JUMP_US) return settle(false)
        jump.byUs = byUs
        return evenUs() - jump.sinceEvenUs >= ADOPT_AFTER_US ? settle(true) : undefined
      }
      if (Math.abs(byUs - wrongUs) < JUMP_US) {
        offsetUs += byUs - wrongUs
        return undefined
      }
      jumps++
      jump = { sinceEvenUs: evenUs(), atUs: nowUs(), byUs }
      // Back to what it left: nobody need be asked.
      if (Math.abs(byUs) < JUMP_US) return settle(false)
      return { event: 'jumped', atUs: jump.atUs, byUs, adopted: false }
    },
    heard(sentUs, platformUs, answeredUs) {
      skewUs = Math.round((sentUs + answeredUs) / 2 - platformUs)
      const systemSkewUs = skewUs + differenceUs()
      if (jump) {
        if (Math.abs(skewUs) <= BELIEVED_US) return settle(Math.abs(systemSkewUs) <= Math.abs(skewUs))
        if (Math.abs(systemSkewUs) <= BELIEVED_US) return settle(true)
      }
      return undefined
    },
    status: () => ({ state: jump ? 'unsure' : 'ok', skewUs, jumps }),
  }
}
