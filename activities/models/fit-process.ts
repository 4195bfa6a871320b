/**
 * The forked process in which models are fitted: TensorFlow blocks the event loop, and whatever it does to this process
 * (memory, a crash in native code) ends here. Takes one job, answers, ends.
 */
import { setPriority } from 'node:os'
import { DomainError } from '../../registry/domain/errors.ts'
import { runFitJob } from './fit-job.ts'
import type { FitReply, FitRequest } from './fit-messages.ts'

const send = (reply: FitReply): Promise<void> => new Promise((resolve, reject) => {
  process.send?.(reply, undefined, {}, (error) => { if (error) reject(error); else resolve() })
})

// Machines are judged on the same cores; a model may come a minute later.
setPriority(10)

// Nobody would take the result.
const abandoned = () => process.exit(1)
process.once('disconnect', abandoned)

process.once('message', ({ job }: FitRequest) => {
  runFitJob(job, { onProgress: (progress) => { void send({ type: 'progress', progress }) } })
    .then((result) => send({ type: 'fitted', result }), (error: unknown) => {
      if (error instanceof DomainError) return send({ type: 'refused', code: error.code, message: error.message, details: { ...error.details } })
      throw error
    })
    .then(() => {
      process.off('disconnect', abandoned)
      process.disconnect()
    }, (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack ?? error.message : String(error)}\n`)
      process.exit(1)
    })
})
