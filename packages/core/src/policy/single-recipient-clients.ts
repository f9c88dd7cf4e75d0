/** Remembers who got a mixed answer, bounded in number and time. */
export interface SingleRecipientClients {
  add(client: string, now: number): void
  has(client: string, now: number): boolean
}

const MEMORY = 86_400_000
const MOST = 10_000

/** Who is to send to one recipient at a time: a day long, the 10,000 most recent. */
export function createSingleRecipientClients(): SingleRecipientClients {
  const until = new Map<string, number>()
  return {
    add(client, now) {
      until.delete(client)
      until.set(client, now + MEMORY)
      if (until.size > MOST) for (const oldest of until.keys()) return void until.delete(oldest)
    },
    has(client, now) {
      if (until.size === 0) return false
      const end = until.get(client)
      if (end === undefined) return false
      if (end > now) return true
      until.delete(client)
      return false
    },
  }
}
