import { z } from 'zod'
import { jsonObject } from './common.ts'

export const operationSchema = z
  .object({
    id: z.string(),
    site: z.string(),
    kind: z.string(),
    workflowId: z.string(),
    state: z.enum(['pending', 'running', 'succeeded', 'failed', 'cancelled']),
    progress: jsonObject,
    result: z.unknown(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    cancelRequestedAt: z.string().nullable(),
    paused: z.object({ at: z.string(), by: z.string() }).nullable().describe('It waits until somebody resumes it'),
    pausable: z.boolean().describe('Whether it can wait in the middle'),
    requestedBy: z.string(),
    createdAt: z.string(),
    updatedAt: z.string(),
    endedAt: z.string().nullable(),
  })
  .meta({ id: 'Operation' })
