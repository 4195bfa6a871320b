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
    rescore: z.object({
      scope: z.object({ family: z.string().optional(), line: z.string().optional(), assets: z.array(z.string()).optional() }).describe('Nothing named: the whole site'),
      from: z.string().describe('Windows that end after this'), to: z.string().describe('… and not later than this'), release: z.string().nullable().describe('Null: what was in force when it was asked for'), reason: z.string(),
    }).nullable().describe('Of a rescore: which windows, by what, and why'),
    requestedBy: z.string(),
    createdAt: z.string(),
    updatedAt: z.string(),
    endedAt: z.string().nullable(),
  })
  .meta({ id: 'Operation' })
