/** A topic filter as MQTT has it (3.1.1, 4.7): `+` is one level, `#` at the end all that follow. */
export function isTopicFilter(text: string): boolean {
  const levels = text.split('/')
  return text !== '' && !text.includes('\0') && levels.every((level, i) => level === '+' || (level === '#' ? i === levels.length - 1 : !/[+#]/.test(level)))
}

export function matchesFilter(filter: string, topic: string): boolean {
  // What begins with $ is the broker's own, and only named outright.
  if (topic.startsWith('$') && !filter.startsWith('$')) return false
  const wanted = filter.split('/')
  const levels = topic.split('/')
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true
    if (i >= levels.length || (level !== '+' && level !== levels[i])) return false
  }
  return wanted.length === levels.length
}

/** Whether `filter` has every topic that `narrower` can have. */
export function covers(filter: string, narrower: string): boolean {
  const wanted = filter.split('/')
  const levels = narrower.split('/')
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true
    if (i >= levels.length || levels[i] === '#' || (level !== '+' && level !== levels[i])) return false
  }
  return wanted.length === levels.length
}
