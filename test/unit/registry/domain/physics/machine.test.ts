import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { dutyPoint, headToBar, motorCurrentA, motorInputKw, pumpEfficiency, type MotorRating, type PumpCurve } from '../../../../../registry/domain/physics/pump.ts'
import { dailyTemperature, steadyTemperature, temperatureAt, thermalStep } from '../../../../../registry/domain/physics/thermal.ts'
import { damageAt, drawWearLaw, failureHours } from '../../../../../registry/domain/physics/wear.ts'

const pump: PumpCurve = { ratedRpm: 2950, shutOffHeadM: 40, headLoss: 0.004, bestFlowM3h: 60, bestEfficiency: 0.75 }
const motor: MotorRating = { voltageV: 400, efficiency: 0.91, powerFactor: 0.86, ratedPowerKw: 11, idleShare: 0.03 }
const near = (a: number, b: number, tolerance = 1e-9) => assert.ok(Math.abs(a - b) <= tolerance * (1 + Math.abs(b)), `${a} ≠ ${b}`)

describe('pump and motor', () => {
  it('meets the system on both curves', () => {
    fc.assert(fc.property(
      fc.double({ min: 1000, max: 3500, noNaN: true }), fc.double({ min: 0, max: 4, noNaN: true }), fc.double({ min: 0.001, max: 0.1, noNaN: true }),
      (rpm, staticHeadM, resistance) => {
        const duty = dutyPoint(pump, { staticHeadM, resistance }, rpm)
        near(duty.headM, staticHeadM + resistance * duty.flowM3h ** 2)
        near(duty.headM, (rpm / 2950) ** 2 * 40 - 0.004 * duty.flowM3h ** 2)
        assert.ok(duty.shaftKw >= duty.hydraulicKw)
      },
    ))
  })

  it('follows the affinity laws without static head: flow ∝ n, head ∝ n², power ∝ n³', () => {
    const full = dutyPoint(pump, { staticHeadM: 0, resistance: 0.005 }, 2950)
    const half = dutyPoint(pump, { staticHeadM: 0, resistance: 0.005 }, 1475)
    near(half.flowM3h, full.flowM3h / 2)
    near(half.headM, full.headM / 4)
    near(half.shaftKw, full.shaftKw / 8)
    near(half.efficiency, full.efficiency)
  })

  it('does not flow below the static head, nor at rest, and takes no power at rest', () => {
    const slow = dutyPoint(pump, { staticHeadM: 20, resistance: 0.005 }, 1500)
    assert.equal(slow.flowM3h, 0)
    assert.ok(slow.shaftKw > 0, 'it still churns')
    const still = dutyPoint(pump, { staticHeadM: 20, resistance: 0.005 }, 0)
    assert.deepEqual([still.flowM3h, still.shaftKw, motorCurrentA(motor, still.shaftKw)], [0, 0, 0])
    assert.throws(() => dutyPoint({ ...pump, ratedRpm: 0 }, { staticHeadM: 0, resistance: 1 }, 1), { code: 'invalid' })
  })

  it('wear costs flow; the best efficiency is at the best point', () => {
    const system = { staticHeadM: 5, resistance: 0.005 }
    assert.ok(dutyPoint(pump, system, 2950, 0.2).flowM3h < dutyPoint(pump, system, 2950).flowM3h)
    assert.equal(pumpEfficiency(pump, 60), 0.75)
    assert.ok(pumpEfficiency(pump, 50) < 0.75 && pumpEfficiency(pump, 130) === 0)
  })

  it('at rated load the motor has its rated figures, idling it draws less, and current grows with load', () => {
    near(motorInputKw(motor, 11), 11 / 0.91)
    const rated = motorCurrentA(motor, 11)
    near(rated, (11 / 0.91) * 1000 / (Math.sqrt(3) * 400 * 0.86))
    const idle = motorCurrentA(motor, 0.01) / rated
    assert.ok(idle > 0.25 && idle < 0.5, `${idle}`)
    fc.assert(fc.property(fc.double({ min: 0.01, max: 15, noNaN: true }), fc.double({ min: 0.01, max: 15, noNaN: true }), (a, b) => {
      assert.ok(motorCurrentA(motor, Math.min(a, b)) < motorCurrentA(motor, Math.max(a, b) + 1e-3))
    }))
    near(headToBar(10.2), 0.998, 2e-3)
  })
})

describe('wear', () => {
  const hours = fc.double({ min: 0, max: 500, noNaN: true })

  it('is 0 before the onset, 1 at failure, and never heals', () => {
    fc.assert(fc.property(hours, hours, fc.constantFrom(1, 1.5, 2, 3), (a, b, exponent) => {
      const law = { onsetHours: 100, growthHours: 200, initial: 0.02, exponent }
      assert.ok(damageAt(law, Math.min(a, b)) <= damageAt(law, Math.max(a, b)))
      assert.equal(damageAt(law, 99.9), 0)
      near(damageAt(law, 100), 0.02)
      near(damageAt(law, failureHours(law)), 1)
      assert.equal(damageAt(law, 1e6), damageAt(law, 300))
    }))
  })

  it('obeys its differential equation: growth in proportion to damage to the power m', () => {
    const law = { onsetHours: 0, growthHours: 100, initial: 0.05, exponent: 1.5 }
    const rate = (t: number) => (damageAt(law, t + 1e-4) - damageAt(law, t - 1e-4)) / 2e-4
    near(rate(80) / rate(20), (damageAt(law, 80) / damageAt(law, 20)) ** 1.5, 1e-5)
  })

  it('draws lives whose 10 % quantile is the rated one, the same for the same machine', () => {
    const draw = (life: number) => drawWearLaw(11, 'pump-1', life, { l10Hours: 1000, growthHours: 300 })
    assert.deepEqual(draw(0), draw(0))
    const onsets = Array.from({ length: 4000 }, (_, life) => draw(life).onsetHours)
    const early = onsets.filter((h) => h < 1000).length / onsets.length
    assert.ok(Math.abs(early - 0.1) < 0.025, `${early}`)
  })
})

describe('temperatures', () => {
  it('a step may be cut anywhere', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 5000, noNaN: true }), fc.double({ min: 0, max: 5000, noNaN: true }), (a, b) => {
      near(thermalStep(thermalStep(20, 80, a, 900), 80, b, 900), thermalStep(20, 80, a + b, 900))
    }))
    near(thermalStep(20, 80, 900, 900), 80 - 60 / Math.E)
    assert.equal(steadyTemperature(20, 1.5, 30), 65)
  })

  it('by random access is what walking through every step gives', () => {
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.double({ min: 1, max: 4000, noNaN: true }), fc.double({ min: 0, max: 100, noNaN: true })), { minLength: 1, maxLength: 30 }),
      fc.double({ min: 0, max: 2000, noNaN: true }),
      (steps, after) => {
        let atS = 0
        const targets = steps.map(([gap, targetC]) => ({ atS: (atS += gap), targetC }))
        let walked = targets[0]?.targetC ?? NaN
        targets.forEach((target, i) => {
          const until = targets[i + 1]?.atS ?? atS + after
          walked = thermalStep(walked, target.targetC, until - target.atS, 300)
        })
        near(temperatureAt(targets, atS + after, 300), walked)
      },
    ))
    assert.equal(temperatureAt([{ atS: 10, targetC: 33 }], 0, 300), 33)
  })

  it('the daily swing is damped and comes late', () => {
    const quick = Array.from({ length: 24 }, (_, h) => dailyTemperature(h * 3600, 15, 10, 1))
    const slow = Array.from({ length: 24 }, (_, h) => dailyTemperature(h * 3600, 15, 10, 4 * 3600))
    assert.equal(quick.indexOf(Math.max(...quick)), 15)
    assert.ok(slow.indexOf(Math.max(...slow)) > 15 && Math.max(...slow) < Math.max(...quick))
  })
})
