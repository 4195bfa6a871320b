import { chooseZone, now, zone } from '../clock.ts'
import { zoneName } from '../text/time.ts'

/** Says in which zone all times are shown, and changes it. Where both are the same there is nothing to choose. */
export function ZoneButton() {
  const shown = zone.use()
  const ms = now.use()
  const other = shown === 'utc' ? 'local' : 'utc'
  if (zoneName(ms, 'local') === 'UTC') return <span class="zone" title="All times are UTC">UTC</span>
  return <button type="button" class="quiet zone" title={`All times are ${zoneName(ms, shown)}; press for ${zoneName(ms, other)}`} onClick={() => chooseZone(other)}>{zoneName(ms, shown)}</button>
}
