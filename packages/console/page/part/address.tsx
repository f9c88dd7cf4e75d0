/** Addresses: the local part and the domain give way on their own, so that both ends stay visible; both are left to right, whatever they are made of. */
import { Visible } from './visible.tsx'

/** A mailbox; `''` is the empty reverse-path. `isOwn`: its domain is the less interesting part, and gives way first. */
export function Address({ text, isOwn = false }: { text: string; isOwn?: boolean }) {
  if (text === '')
    return (
      <span class="ad nobody" title="the empty reverse-path">
        <span class="d">{'<>'}</span>
      </span>
    )
  const at = text.lastIndexOf('@')
  return (
    <span class={isOwn ? 'ad own' : 'ad'} title={text}>
      <bdi class="l" dir="ltr">
        <Visible text={at < 0 ? text : text.slice(0, at)} />
      </bdi>
      {at >= 0 && (
        <bdi class="d" dir="ltr">
          <Visible text={text.slice(at)} />
        </bdi>
      )}
    </span>
  )
}

/** From whom to whom. `to` has all recipients; the first is shown and the others are counted. */
export function Path({ from, to, more = 0 }: { from: string | undefined; to: readonly string[]; more?: number }) {
  const [first] = to
  const rest = to.length - 1 + more
  return (
    <>
      {from === undefined ? <span class="shadow">nobody yet</span> : <Address text={from} />}
      {first !== undefined && (
        <>
          <span class="arrow">→</span>
          <Address text={first} isOwn />
        </>
      )}
      {rest > 0 && <span class="count">+{rest}</span>}
    </>
  )
}
