import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { clockDependence, futureDependence } from '../../../../../registry/domain/evaluation/causality.ts'
import { confusionMetrics, confusionOf, pooled } from '../../../../../registry/domain/evaluation/confusion.ts'
import { evaluationReport, evaluationReportSchema } from '../../../../../registry/domain/evaluation/report.ts'

const bits = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 80 })

describe('confusion', () => {
  it('counts every row once, and pooling parts is the same as judging the whole', () => {
    fc.assert(fc.property(bits, fc.nat(), (rows, cut) => {
      const [flags, truth] = [rows.map((r) => r[0]), rows.map((r) => r[1])]
      const at = cut % (rows.length + 1)
      const whole = confusionOf(flags, truth)
      assert.equal(whole.tp + whole.fp + whole.fn + whole.tn, rows.length)
      const parts = [confusionOf(flags.slice(0, at), truth.slice(0, at)), confusionOf(flags.slice(at), truth.slice(at))]
      assert.deepEqual(pooled(parts), whole)
    }))
  })

  it('gives F1, FAR and MAR as defined, and null where there is nothing to divide by', () => {
    assert.deepEqual(confusionMetrics({ tp: 3, fp: 1, fn: 1, tn: 3 }), { f1: 0.75, far: 0.25, mar: 0.25 })
    assert.deepEqual(confusionMetrics({ tp: 0, fp: 0, fn: 0, tn: 5 }), { f1: null, far: 0, mar: null })
    assert.throws(() => confusionOf([true], []), { code: 'invalid' })
  })
})

describe('causality', () => {
  const rows = [1, 1, 2, 9, 9, 2, 1, 1, 1, 1]
  const threshold = (list: readonly number[]) => list.map((v) => v > 5)
  const peeks = (list: readonly number[]) => list.map((_, i) => (list[i + 2] ?? 0) > 5)
  const clock = (list: readonly number[]) => list.map((_, i) => i >= 4)
  const smooth = (list: readonly number[]) => list.map((_, i) => (list[i] ?? 0) + (list[i - 1] ?? 0) > 10)

  it('catches a look ahead and leaves an honest detector alone', () => {
    const cuts = [1, 2, 3, 4, 5, 6]
    assert.deepEqual(futureDependence(threshold, rows, cuts), [])
    assert.deepEqual(futureDependence(clock, rows, cuts), [])
    assert.deepEqual(futureDependence(peeks, rows, cuts), [{ removed: 6, row: 2 }])
  })

  it('catches a detector that counts rows, and allows a warm-up', () => {
    assert.deepEqual(clockDependence(threshold, rows, [1, 3], 0), [])
    assert.deepEqual(clockDependence(clock, rows, [1], 0), [{ removed: 1, row: 4 }])
    assert.deepEqual(clockDependence(smooth, rows, [4], 0), [{ removed: 4, row: 4 }])
    assert.deepEqual(clockDependence(smooth, rows, [4], 1), [])
  })
})

describe('evaluation report', () => {
  it('puts the null models beside the model, and says when they win', () => {
    const truth = [0, 0, 1, 1, 1, 1, 0, 0]
    const good = evaluationReport({ model: 'm', data: 'd' }, [{ flags: truth, truth }], { futureDependence: [] })
    assert.deepEqual(good.nullModels.map((n) => n.f1), [4 / 6, 1])
    assert.equal(good.beatsNullModels, false, 'a clock does as well here')
    assert.deepEqual([good.futureDependence, good.clockDependence], [[], null])
    assert.deepEqual(evaluationReportSchema.parse(JSON.parse(JSON.stringify(good))), good)
    const early = [1, 1, 0, 0, 0, 0, 0, 0]
    assert.equal(evaluationReport({ model: 'm', data: 'd' }, [{ flags: early, truth: early }]).beatsNullModels, true)
    assert.equal(evaluationReport({ model: 'm', data: 'd' }, []).beatsNullModels, null)
  })
})
