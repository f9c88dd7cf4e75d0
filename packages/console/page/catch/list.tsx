/** The list: newest first; who has not been read stands out. */
import { useEffect, useRef } from 'preact/hooks'
import { Visible } from '../part/visible.tsx'
import { counted, whenOf } from '../word.ts'
import type { Name, Summary } from './mail.ts'

/** The focus is the list's, and so are the keys. */
export function List({
  mails,
  shown,
  choose,
}: {
  mails: readonly Summary[]
  shown: string | undefined
  choose: (id: string) => void
}) {
  const list = useRef<HTMLDivElement>(null)
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' })
  }, [shown])
  return (
    <div
      class="mails"
      role="listbox"
      aria-label="Messages, newest first"
      tabIndex={0}
      ref={list}
      {...(mails.some(({ ID }) => ID === shown) && { 'aria-activedescendant': `mail-${shown}` })}
    >
      {mails.map((mail) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the focus is the list's, and so are the keys
        <div
          key={mail.ID}
          role="option"
          class={`mail${mail.Read ? ' read' : ''}`}
          id={`mail-${mail.ID}`}
          aria-selected={mail.ID === shown}
          onClick={() => choose(mail.ID)}
        >
          <div class="sub" dir="auto">
            {!mail.Read && <span class="vh">unread: </span>}
            {mail.Subject === '' ? <span class="shadow">no subject</span> : <Visible text={mail.Subject} />}
          </div>
          <div class="t">{whenOf(mail.Created)}</div>
          <div class="who">
            <Person one={mail.From} />
            <span class="arrow">→</span>
            <People all={[...mail.To, ...mail.Cc, ...mail.Bcc]} />
          </div>
          <div class="because">
            {mail.Attachments > 0 && <span class="count">{counted(mail.Attachments, 'file')}</span>}
            <span dir="auto">
              <Visible text={mail.Snippet} />
            </span>
          </div>
        </div>
      ))}
    </div>
  )
}

/** The name where there is one: what a mail client shows. */
function Person({ one }: { one: Name | null }) {
  if (one === null) return <span class="shadow">nobody</span>
  return (
    <bdi class="person" title={one.Address}>
      <Visible text={one.Name === '' ? one.Address : one.Name} />
    </bdi>
  )
}

function People({ all }: { all: readonly Name[] }) {
  const [first = null] = all
  return (
    <>
      <Person one={first} />
      {all.length > 1 && <span class="count">+{all.length - 1}</span>}
    </>
  )
}
