/** UCUM codes as people write them; what is not here is shown as it is. */
const WRITTEN: Readonly<Record<string, string>> = {
  '1': '', Cel: '°C', K: 'K', '/min': 'rpm', 'm3/h': 'm³/h', 'm/s2': 'm/s²', 'm2': 'm²', 'm3': 'm³', Ohm: 'Ω', deg: '°', um: 'µm', us: 'µs', 'L/min': 'L/min', '[degF]': '°F',
}

export const unitText = (ucum: string): string => WRITTEN[ucum] ?? ucum
