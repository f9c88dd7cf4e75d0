/** Tokens of the listener that is asked, by the same file and code as `postroad token`. */
import { tokenFile } from '@postroad/http'
import type { Host, HttpContext } from '@postroad/plugin'
import { type CallHandlers, CallRefused } from './answer.ts'
import type { AuditLog } from './audit.ts'
import { msOf } from './record-calls.ts'

type File = ReturnType<typeof tokenFile>
type Stored = Awaited<ReturnType<File['read']>>[number]

/** The handlers. */
export function tokenCalls(host: Host, audit: AuditLog): CallHandlers {
  // The file is read and written whole: two at once would lose what the other did.
  let turn: Promise<unknown> = Promise.resolve()
  const change = <T>(work: () => Promise<T>): Promise<T> => {
    const own = turn.then(work, work)
    turn = own.catch(() => undefined) // told to who asked
    return own.catch((error: unknown) => {
      if (error instanceof TypeError) throw new CallRefused(409, error.message)
      // Another process writes: a command, or another worker.
      if (error instanceof Error && error.message.includes('another command writes'))
        throw new CallRefused(503, 'Tokens are being written by somebody else: ask again in a moment')
      throw error
    })
  }
  return {
    tokens: async ({ context }) => ({ tokens: (await fileOf(host, context).read()).map(shown) }),
    async newToken({ context, body: { name, role, expires } }) {
      const file = fileOf(host, context)
      const end = expires === undefined ? undefined : new Date(context.now() + msOf(expires)).toISOString()
      const { secret, token } = await change(() => file.add({ name, roles: [role], expires: end }))
      await audit.add(context, { action: 'make a token', target: name, ok: true, text: role })
      return { token: shown(token), secret }
    },
    async revokeToken({ context }) {
      const { name = '' } = context.params
      const file = fileOf(host, context)
      const ok = await change(() => file.revoke(name))
      await audit.add(context, { action: 'revoke a token', target: name, ok })
      if (!ok) throw new CallRefused(404, `There is no token ${JSON.stringify(name)}`)
      return { tokens: (await file.read()).map(shown) }
    },
  }
}

function fileOf(host: Host, { listener }: HttpContext): File {
  const scopes = host.explain() as readonly {
    readonly listeners: readonly { readonly name: string; readonly tokenFile?: string }[]
  }[] // the core's own
  const file = scopes.flatMap(({ listeners }) => listeners).find(({ name }) => name === listener)?.tokenFile
  if (file === undefined) throw new CallRefused(404, 'This listener keeps no tokens')
  return tokenFile(file)
}

/** Its hash is of no use to who reads this, and might be to others. */
function shown({ name, roles, created, expires }: Stored) {
  return {
    name,
    roles: [...roles],
    ...(created !== undefined && { created: Date.parse(created) }),
    ...(expires !== undefined && { expires: Date.parse(expires) }),
  }
}
