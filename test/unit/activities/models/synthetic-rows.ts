import { seededRandom } from '../../../../activities/models/seeded-random.ts'

/**
 * Rows of d correlated features driven by two hidden ones, plus noise: what normal operation looks like to a model.
 * `fault` moves every second feature off the plane by so many standard deviations of the noise.
 */
export function syntheticRows(n: number, d: number, options: { seed?: number; fault?: number } = {}): Float64Array {
  const { seed = 7, fault = 0 } = options
  const random = seededRandom(seed)
  const noise = () => random() + random() + random() - 1.5
  const rows = new Float64Array(n * d)
  for (let i = 0; i < n; i++) {
    const load = Math.sin(i / 20) + noise() * 0.3
    const speed = Math.cos(i / 33) + noise() * 0.3
    for (let j = 0; j < d; j++) {
      const base = load * Math.cos(j) + speed * Math.sin(j * 1.7) + 0.2 * load * speed
      rows[i * d + j] = 10 * j + 3 * (base + noise() * 0.1 + (j % 2 === 0 ? fault * 0.1 : 0))
    }
  }
  return rows
}

export const featureNames = (d: number): string[] => Array.from({ length: d }, (_, j) => `f${j}`)
