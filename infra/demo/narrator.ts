/** How the demo speaks: numbered steps, short plain lines (what happened, where to look), progress on the same line of a terminal. */
export interface Narrator {
  step(title: string): void
  say(text: string): void
  look(text: string): void
  progress(text: string): void
}

export function createNarrator(out: NodeJS.WriteStream): Narrator {
  const started = Date.now()
  let number = 0
  let lastProgress = 0
  let open = false
  const endLine = () => { if (open) { out.write('\r\x1b[K'); open = false } }
  return {
    step: (title) => {
      endLine()
      number++
      out.write(`\n${number}. ${title}  [${Math.round((Date.now() - started) / 1000)} s]\n`)
    },
    say: (text) => { endLine(); out.write(`   ${text}\n`) },
    look: (text) => { endLine(); out.write(`   → ${text}\n`) },
    progress: (text) => {
      if (out.isTTY) { out.write(`\r\x1b[K   … ${text}`); open = true; return }
      if (Date.now() - lastProgress < 10_000) return
      lastProgress = Date.now()
      out.write(`   … ${text}\n`)
    },
  }
}
