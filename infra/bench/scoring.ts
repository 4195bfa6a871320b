import { fitAutoencoder } from '../../activities/models/fit-autoencoder.ts'
import { createTensorflowModel } from '../../activities/models/tensorflow-network.ts'
import { loadTensorflow } from '../../activities/models/tensorflow.ts'

const FEATURES = 40
const ROWS = 5_000
const ROUNDS = 40

/**
 * Rows a second through a model as the platform scores (raw features in, score and shares out), beside the bare forward
 * pass of the same network on standardised rows.
 */
export async function scoringRates(): Promise<{ rowsPerSec: number; bareRowsPerSec: number; ratio: number }> {
  const tf = loadTensorflow()
  const rows = Float64Array.from({ length: ROWS * FEATURES }, (_, i) => Math.sin(i * 0.37) + ((i * 7919) % 997) / 997)
  const names = Array.from({ length: FEATURES }, (_, i) => `f${i}`)
  const fitted = await fitAutoencoder(names, rows, { seed: 1, epochs: 2 })
  const model = createTensorflowModel(fitted)
  const layers = fitted.layers.map((layer) => ({ w: tf.tensor2d(layer.weights, [layer.inputs, layer.outputs]), b: tf.tensor1d(layer.bias) }))
  const input = Float32Array.from(rows)
  const output = new Float32Array(ROWS * FEATURES)
  const bare = () => { tf.tidy(() => {
    let x = tf.tensor2d(input, [ROWS, FEATURES])
    layers.forEach(({ w, b }, i) => { const y = tf.add(tf.matMul(x, w), b); x = (i === layers.length - 1 ? y : tf.tanh(y)) as typeof x })
    output.set(x.dataSync())
  }) }
  // In turn, so that a machine whose speed drifts drifts for both.
  let ours = 0
  let theirs = 0
  for (let round = -5; round < ROUNDS; round++) {
    const a = performance.now()
    model.scoreRows(rows, ROWS)
    const b = performance.now()
    bare()
    const c = performance.now()
    if (round >= 0) { ours += b - a; theirs += c - b }
  }
  const rate = (ms: number) => (ROWS * ROUNDS) / (ms / 1000)
  return { rowsPerSec: rate(ours), bareRowsPerSec: rate(theirs), ratio: theirs / ours }
}
