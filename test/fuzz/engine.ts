/** The whole engine behind the wire, with a plugin at every hook that answers at random: an opinion, late, a throw, a rejection, nonsense, never. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { createServer } from '@postroad/core'
import { zoneDns } from '@postroad/dns'
import { accept, Clock, Dns, defer, definePlugin, type Hooks, Limiter, Lock, reject, Store } from '@postroad/plugin'
import { fakeClock, memoryLimiter, memoryLock, memoryStore } from '@postroad/testing'
import type { Mood } from './checked-stages.ts'
import type { Subject } from './session.ts'

/** A {@link Subject} to be closed. */
export interface EngineSubject extends Subject, AsyncDisposable {}

const TIMEOUT = 20

/** Starts the engine once; its sessions come from the fuzzer's listeners. */
export async function engineSubject(): Promise<EngineSubject> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-fuzz-'))
  const state: State = { mood: () => 'yes', queued: 0, receipts: 0 }
  const clock = fakeClock()
  const server = await createServer(
    {
      hostname: 'mx.test',
      folder,
      refuseAt: 'now',
      log: { format: 'json', level: 'error', write: () => {} },
      setup: (app) => {
        app
          .use(moody(state), { timeout: TIMEOUT })
          .listen({ name: 'fuzz', port: 0, host: '127.0.0.1', authWithoutTls: true })
      },
    },
    {
      services: [
        { service: Clock, create: () => clock },
        { service: Store, create: () => memoryStore(clock) },
        { service: Limiter, create: () => memoryLimiter(clock) },
        { service: Lock, create: () => memoryLock() },
        { service: Dns, create: () => zoneDns({}, { clock }) },
      ],
    },
  )
  await server.start()
  return {
    prepare: (mood) => {
      state.mood = mood
      state.queued = state.receipts = 0
      return server.attach()
    },
    finish: (replies) => {
      // Nobody is told that a message was taken which no queue has taken, RFC 5321 §4.2.5.
      if (state.receipts === 0) assert.doesNotMatch(replies, /^250 .*taken$/m)
      return state.queued
    },
    async [Symbol.asyncDispose]() {
      await server.close({ grace: 0 })
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface State {
  mood: (call: string) => Mood
  queued: number
  /** Receipts that were given in time or not. */
  receipts: number
}

const moody = (state: State) => {
  /** An answer as the mood has it: `yes` is the hook's own, `no` a refusal. */
  const answer = <T>(hook: string, yes: () => T): T | ReturnType<typeof reject> | Promise<never> => {
    const how = state.mood(hook)
    if (how === 'throw') throw new Error('fuzz: throw')
    if (how === 'reject') return Promise.reject(new Error('fuzz: reject'))
    if (how === 'never') return new Promise<never>(() => {})
    if (how === 'later' || how === 'later no') {
      const late = how === 'later' ? yes() : defer('Later')
      return new Promise((resolve) => setImmediate(() => resolve(late as never))) // as: the type of the hook's answer is of no matter here
    }
    if (how === 'leave') return reject('Leave', { disconnect: true })
    return how === 'yes' ? yes() : reject('No')
  }
  const ask = (hook: string) => () => answer(hook, () => undefined)
  const hooks = {
    connect: ask('connect'),
    helo: ask('helo'),
    mail: ask('mail'),
    rcpt: ask('rcpt'),
    route: () => answer('route', () => ({ via: 'fuzz' })),
    nexthop: ask('nexthop'),
    data: ask('data'),
    message: () => answer('message', accept),
    auth: {
      mechanisms: ['PLAIN', 'LOGIN', 'SCRAM-SHA-256', 'XOAUTH2'],
      handler: () => answer('auth', () => ({ name: 'joe' })),
    },
    queue: {
      supports: ['8BITMIME', 'SMTPUTF8', 'DSN', 'BINARYMIME'],
      handler: async () => {
        state.queued++
        const answered = await answer('queue', () => ({ id: 'taken' }))
        if (answered !== undefined && 'id' in answered) state.receipts++
        return answered
      },
    },
  }
  return definePlugin({ name: 'moody', hooks: hooks as Hooks })() // as: what a mood answers is not always what a hook may
}
