/** One message: its HTML in a sandbox, its text, fields, source, files, and what was found out about who sent it. */
import { useEffect, useState } from 'preact/hooks'
import { Fact } from '../now/panel.tsx'
import { Segments } from '../part/segments.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { addressOf } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { useKeys } from '../state/keys.ts'
import { tell } from '../state/toast.ts'
import { octets, whenOf } from '../word.ts'
import { Checks } from './checks.tsx'
import type { Mail, Name } from './mail.ts'
import { act } from './state.ts'

const VIEWS = [
  ['html', 'HTML'],
  ['text', 'Text'],
  ['headers', 'Headers'],
  ['source', 'Source'],
  ['checks', 'Checks'],
] as const
type View = (typeof VIEWS)[number][0]

/** The reader. `gone`: it was deleted. */
export function Reader({ id, back, gone }: { id: string; back: () => void; gone: () => void }) {
  const path = `api/v1/message/${encodeURIComponent(id)}`
  const { answer: mail, problem, again } = useAsked<Mail>(path)
  const [chosen, setChosen] = useState<View | undefined>(undefined)
  const views = VIEWS.filter(([key]) => key !== 'html' || mail === undefined || mail.HTML !== '')
  const view = chosen ?? views[0]?.[0] ?? 'text'
  const asked = async (what: Promise<void>, words: string, then: () => void): Promise<void> => {
    try {
      await what
      tell(words)
      then()
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
    }
  }
  const remove = () => asked(act('DELETE', 'api/v1/messages', { IDs: [id] }), 'Deleted.', gone)
  const unread = () => asked(act('PUT', 'api/v1/messages', { IDs: [id], Read: false }), 'Marked as unread.', back)
  useKeys({
    d: remove,
    u: unread,
    ...Object.fromEntries(
      VIEWS.map(([key], n) => [String(n + 1), () => views.some(([one]) => one === key) && setChosen(key)]),
    ),
  })
  if (mail === undefined)
    return (
      <article class="reader open">
        <button class="btn phone" type="button" onClick={back}>
          ← Messages
        </button>
        {problem === undefined ? <Waiting /> : <Trouble problem={problem} again={again} />}
      </article>
    )
  return (
    <article class="reader open" aria-label="The message">
      <button class="btn phone" type="button" onClick={back}>
        ← Messages
      </button>
      <h2 dir="auto">{mail.Subject === '' ? 'No subject' : <Visible text={mail.Subject} />}</h2>
      <Envelope mail={mail} />
      <div class="acts">
        <button type="button" class="btn" onClick={unread}>
          Unread<kbd>u</kbd>
        </button>
        <a class="btn" href={addressOf(`${path}/raw?dl=1`)} download={`${id}.eml`}>
          Download
        </a>
        <button type="button" class="btn danger" onClick={remove}>
          Delete<kbd>d</kbd>
        </button>
      </div>
      <Files mail={mail} path={path} />
      <Segments label="View" options={views} value={view} choose={(key) => setChosen(key)} />
      {view === 'html' && <Sandbox id={id} html={mail.HTML} />}
      {view === 'text' && (
        <div class="body" dir="auto">
          {mail.Text.trim() === '' ? <span class="shadow">No text in it.</span> : <Visible text={mail.Text} />}
        </div>
      )}
      {view === 'headers' && <Headers path={`${path}/headers?written=1`} />}
      {view === 'source' && <Source path={`${path}/raw`} size={mail.Size} />}
      {view === 'checks' && <Checks mail={mail} />}
    </article>
  )
}

function Envelope({ mail }: { mail: Mail }) {
  const rows = [
    ['To', mail.To],
    ['Cc', mail.Cc],
    ['Bcc', mail.Bcc],
    ['Reply-To', mail.ReplyTo],
  ] as const
  return (
    <dl class="kv">
      <Fact word="From">{mail.From === null ? <span class="shadow">nobody</span> : <Person one={mail.From} />}</Fact>
      {rows.map(
        ([word, people]) =>
          people.length > 0 && (
            <Fact word={word}>
              {people.map((one, n) => (
                <>
                  {n > 0 && ', '}
                  <Person one={one} />
                </>
              ))}
            </Fact>
          ),
      )}
      <Fact word="Date">
        {whenOf(mail.Date)} <small>{octets(mail.Size)}</small>
      </Fact>
    </dl>
  )
}

function Person({ one: { Name: name, Address: address } }: { one: Name }) {
  return (
    <>
      {name !== '' && (
        <bdi>
          <Visible text={name} />{' '}
        </bdi>
      )}
      <bdi dir="ltr" class={name === '' ? '' : 'shadow'}>
        <Visible text={name === '' ? address : `<${address}>`} />
      </bdi>
    </>
  )
}

function Files({ mail, path }: { mail: Mail; path: string }) {
  const files = [...mail.Attachments, ...mail.Inline]
  if (files.length === 0) return null
  return (
    <ul class="files" aria-label="Files">
      {files.map(({ PartID, FileName, ContentType, Size }) => (
        <li>
          <a class="btn" href={addressOf(`${path}/part/${encodeURIComponent(PartID)}`)} download={FileName || PartID}>
            <bdi>
              <Visible text={FileName === '' ? `part ${PartID}` : FileName} />
            </bdi>
            <small>
              <Visible text={ContentType} />, {octets(Size)}
            </small>
          </a>
        </li>
      ))}
    </ul>
  )
}

/** What would be loaded from elsewhere, if it might. */
const REMOTE =
  /(?:src|srcset|background|poster|href)\s*=\s*["']?\s*(?:https?:)?\/\/|url\(\s*["']?\s*(?:https?:)?\/\/|@import/i

/** A frame with an origin of its own, in which no script runs; links open in a tab of theirs. Its answer has a policy that says the same. */
function Sandbox({ id, html }: { id: string; html: string }) {
  const [isRemote, setRemote] = useState(false)
  const [width, setWidth] = useState<'wide' | 'narrow'>('wide')
  const widths = [
    ['wide', 'Wide'],
    ['narrow', 'Phone'],
  ] as const
  return (
    <>
      <div class="safe">
        <b>No script runs.</b>
        {REMOTE.test(html) && (
          <label class="switch">
            <input type="checkbox" checked={isRemote} onChange={(event) => setRemote(event.currentTarget.checked)} />
            load pictures and sheets from elsewhere
          </label>
        )}
        <Segments label="Width" options={widths} value={width} choose={(key) => setWidth(key)} />
      </div>
      <iframe
        class={`cage ${width}`}
        title="The message as HTML"
        sandbox="allow-popups allow-popups-to-escape-sandbox"
        referrerpolicy="no-referrer"
        src={addressOf(`view/${encodeURIComponent(id)}.html${isRemote ? '?remote=1' : ''}`)}
      />
    </>
  )
}

function Headers({ path }: { path: string }) {
  const { answer, problem, again } = useAsked<Readonly<Record<string, readonly string[]>>>(path)
  if (answer === undefined) return problem === undefined ? <Waiting /> : <Trouble problem={problem} again={again} />
  return (
    <dl class="kv body fields">
      {Object.entries(answer).flatMap(([name, values]) =>
        values.map((value) => (
          <Fact word={name}>
            <span dir="auto">
              <Visible text={value} />
            </span>
          </Fact>
        )),
      )}
    </dl>
  )
}

/** Characters of a source that are drawn. */
const MOST = 300_000

function Source({ path, size }: { path: string; size: number }) {
  const [text, setText] = useState<string | undefined>(undefined)
  useEffect(() => {
    fetch(addressOf(path), { credentials: 'same-origin' })
      .then((response) => (response.ok ? response.text() : `The server answered ${response.status}.`))
      .catch(() => 'The server does not answer.')
      .then(setText)
  }, [path])
  if (text === undefined) return <Waiting />
  return (
    <>
      <pre class="source">
        <Visible text={text.slice(0, MOST).replaceAll('\r\n', '\n')} />
      </pre>
      {size > MOST && <p class="note">Cut here; Download has all of it.</p>}
    </>
  )
}
