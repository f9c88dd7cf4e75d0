/** What all sessions of one scope share, and with them every run of every handler. */
import type { MessageOptions } from '@postroad/message'
import type { Logger, SessionRole } from '@postroad/plugin'
import type { Thresholds } from '../config/config.ts'
import type { EventFeed } from '../log/feed.ts'
import type { HookTable } from '../plan/hook-table.ts'
import type { ContentMemory } from '../policy/content-memory.ts'
import type { SingleRecipientClients } from '../policy/single-recipient-clients.ts'
import type { Lifetime } from './lifetime.ts'

/** A scope at work: its hook table, its settings, and what its handlers are given. One compiled scope has one, its sessions share it. */
export interface Scope {
  /** As the configuration calls it; `server` is the outermost. */
  readonly name: string
  readonly hostname: string
  /** Of its sessions. */
  readonly role: SessionRole
  readonly table: HookTable
  /** Of the generation: ends when it closes and the grace is over. */
  readonly lifetime: Lifetime
  readonly log: Logger
  /** Milliseconds are counted per plugin: somebody reads the log. */
  readonly timed: boolean
  /** How canonical lines tell Message-ID and subject. */
  readonly describes: 'plain' | 'hashed' | 'none'
  readonly thresholds: Thresholds
  readonly refuseAt: 'rcpt' | 'now'
  readonly mixed: 'defer-rest' | 'strictest'
  /** Octets of a message kept in memory. */
  readonly memory: ContentMemory
  /** Where bodies go that replace others. */
  readonly spooling: MessageOptions
  /** When a recipient that `rewrite` adds has no route: the message is refused for now, or goes without it. */
  readonly added: 'defer' | 'drop'
  /** Folder for the temporary files of messages larger than that. */
  readonly spool: string
  /** Milliseconds since the epoch. */
  now(): number
  /** Tells what happens, to whom it is of interest. */
  readonly feed: EventFeed
  /** Writes a canonical line. */
  record(line: object): void
  /** A child logger for one plugin. */
  logFor(plugin: string): Logger
  /** Senders who are to send to one recipient at a time, after a mixed answer. */
  readonly singleRecipientClients: SingleRecipientClients
}
