/** A judgement in words, as `postroad try` prints it. */
import type { HeaderEdit } from '@postroad/mail'
import type { Judgement } from '@postroad/smtp'

/** One line: the outcome, then each edit. */
export function judgementText({ outcome, reason, reply, edits, envelope }: Omit<Judgement, 'dispose'>): string {
  const text = reply && [reply.text].flat().join(' / ')
  const why = reply ? `${reply.code}${reply.status ? ` ${reply.status}` : ''} ${text}` : reason
  const changes = [
    ...(edits?.headers.map(headerText) ?? []),
    ...(edits?.body ? ['another body'] : []),
    ...(envelope?.from === undefined ? [] : [`from <${envelope.from ?? ''}>`]),
    ...(envelope?.add.map(({ address }) => `add <${address}>`) ?? []),
    ...(envelope?.remove.map((address) => `remove <${address}>`) ?? []),
  ]
  return `${outcome}${why ? `: ${why}` : ''}${changes.length > 0 ? `, ${changes.join(', ')}` : ''}`
}

function headerText(edit: HeaderEdit): string {
  if (edit.kind === 'delete') return `delete ${edit.name} ${edit.index}`
  const name = /^[^:]*/.exec(Buffer.from(edit.raw).toString('latin1'))?.[0].trim() ?? ''
  return edit.kind === 'change' ? `change ${edit.name} ${edit.index}` : `insert ${name}`
}
