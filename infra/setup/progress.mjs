/**
 * Shows what the set-up is doing, on standard error, so that a command's own output stays clean.
 * On a terminal: one live line per running task. Elsewhere: plain lines at start, every 15 s, and at the end.
 */

const plainEveryMs = 15_000
const redrawEveryMs = 120
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

export function createProgress({ stream = process.stderr, now = Date.now, tty = stream.isTTY === true } = {}) {
  const running = new Set()
  let timer
  let drawn = 0
  let frame = 0

  const seconds = (task) => `${Math.round((now() - task.startedAt) / 1000)} s`
  const describe = (task) => [task.name, bar(task.fraction), task.detail].filter(Boolean).join('  ')

  function clear() {
    if (drawn > 0) stream.write(`\x1b[${drawn}A\x1b[0J`)
    drawn = 0
  }
  function draw() {
    frame = (frame + 1) % frames.length
    // A terminal that does not know its width says 0.
    const width = stream.columns || 80
    for (const task of running) {
      const line = `${frames[frame]} ${describe(task)}  ${seconds(task)}`
      stream.write(`${line.length >= width ? line.slice(0, width - 1) : line}\n`)
      drawn += 1
    }
  }
  function tick() {
    if (tty) {
      clear()
      draw()
      return
    }
    for (const task of running) {
      if (now() - task.saidAt < plainEveryMs) continue
      task.saidAt = now()
      stream.write(`  ${describe(task)} … ${seconds(task)}\n`)
    }
  }
  function print(line) {
    clear()
    stream.write(`${line}\n`)
    if (tty) draw()
  }

  return {
    /** One line that stays. */
    say: print,
    /** Begins a task; the returned handle reports on it. Nothing is printed for tasks that never begin. */
    task(name) {
      const task = { name, detail: '', fraction: undefined, startedAt: now(), saidAt: now() }
      running.add(task)
      if (!tty) stream.write(`- ${name}\n`)
      timer ??= setInterval(tick, tty ? redrawEveryMs : 1_000)
      timer.unref?.()
      const end = (line) => {
        if (!running.delete(task)) return
        print(line)
        if (running.size === 0) {
          clearInterval(timer)
          timer = undefined
        }
      }
      return {
        update(detail, fraction) {
          task.detail = detail
          task.fraction = fraction
        },
        done: (note) => end(`✓ ${name}${note ? `: ${note}` : ''} (${seconds(task)})`),
        fail: (note) => end(`✗ ${name}${note ? `: ${note}` : ''} (${seconds(task)})`),
        skip: (note) => end(`· ${name}: ${note} (${seconds(task)})`),
      }
    },
  }
}

/** A 20-cell bar with a percentage; empty when the fraction is not known. */
export function bar(fraction) {
  if (fraction === undefined || !Number.isFinite(fraction)) return ''
  const share = Math.min(1, Math.max(0, fraction))
  const filled = Math.round(share * 20)
  return `[${'█'.repeat(filled)}${'░'.repeat(20 - filled)}] ${Math.round(share * 100)} %`
}
