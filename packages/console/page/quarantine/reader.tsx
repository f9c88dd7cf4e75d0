/** One mail of the quarantine. Its text comes from the server in pieces that are no markup; its HTML stands in a cage, on request. */
import type { ApiAnswer, ApiShape } from '@postroad/admin-api'
import { useEffect, useState } from 'preact/hooks'
import { Fact } from '../now/panel.tsx'
import { Dialog } from '../part/dialog.tsx'
import { Icon } from '../part/icon.tsx'
import { Say } from '../part/opinion.tsx'
import { Segments } from '../part/segments.tsx'
import { Trouble, Waiting } from '../part/state.tsx'
import { Visible } from '../part/visible.tsx'
import { addressOf, post } from '../state/api.ts'
import { useAsked } from '../state/asked.ts'
import { useKeys } from '../state/keys.ts'
import { linkTo } from '../state/route.ts'
import { may } from '../state/session.ts'
import { tell } from '../state/toast.ts'
import { counted, dayOf, octets } from '../word.ts'
import { reasonOf } from './reason.ts'
import { Stretches } from './stretches.tsx'

type Text = ApiAnswer<'quarantineText'>
const VIEWS = [
  ['text', 'Text'],
  ['html', 'HTML in a cage'],
  ['fields', 'Fields'],
] as const
type View = (typeof VIEWS)[number][0]

interface Props {
  readonly id: string
  readonly kept: ApiShape<'kept'> | undefined
  readonly canRelease: boolean
  readonly canLearn: boolean
  /** Chosen by a person, not only the first of the list: on a phone it covers the list. */
  readonly isOpen: boolean
  back(): void
  done(): void
}

/** The reader. */
export function Reader({ id, kept, canRelease, canLearn, isOpen, back, done }: Props) {
  const path = `v1/quarantine/${encodeURIComponent(id)}`
  const { answer, problem, again } = useAsked<Text>(may('quarantineText') ? `${path}/text` : undefined)
  const [view, setView] = useState<View>('text')
  const [isDeleting, setDeleting] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const mail = answer ?? kept
  const act = async <T,>(what: string, body: unknown, words: (answer: T) => string): Promise<void> => {
    if (isBusy) return
    setBusy(true)
    try {
      tell(words(await post<T>(`${path}/${what}`, body)))
      done()
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error))
    }
    setBusy(false)
  }
  const release = (): Promise<void> =>
    act<ApiAnswer<'release'>>('release', {}, ({ outcomes }) => releasedInWords(outcomes))
  const remove = (): Promise<void> => act<ApiAnswer<'deleteKept'>>('delete', {}, () => 'Deleted.')
  const learn = (as: 'spam' | 'ham'): Promise<void> =>
    act<ApiAnswer<'learn'>>('learn', { as }, ({ by }) =>
      by.map(({ plugin, ok, text }) => `${plugin}: ${ok ? 'learned' : text}`).join('; '),
    )
  const canDelete = may('deleteKept')
  useKeys({ ...(canRelease && may('release') && { r: release }), ...(canDelete && { d: () => setDeleting(true) }) })
  if (mail === undefined)
    return (
      <article class={`reader${isOpen ? ' open' : ''}`}>
        {problem === undefined ? <Waiting /> : <Trouble problem={problem} again={again} />}
      </article>
    )
  return (
    <article class={`reader${isOpen ? ' open' : ''}`} aria-label="The message">
      <button class="btn phone" type="button" onClick={back}>
        ← Quarantine
      </button>
      <p class="eyebrow">
        <Say
          kind="quarantined"
          word={mail.points > 0 ? `${Math.round(mail.points * 10) / 10} points` : 'quarantined'}
        />
        <span>
          <Visible text={reasonOf(mail)} />
        </span>
      </p>
      <h2 dir="auto">
        {mail.subject === undefined || mail.subject === '' ? 'No subject' : <Visible text={mail.subject} />}
      </h2>
      <Envelope mail={mail} answer={answer} />
      <div class="acts">
        {canRelease && may('release') && (
          <button type="button" class="btn primary" disabled={isBusy} onClick={release}>
            Release<kbd>r</kbd>
          </button>
        )}
        {canLearn && may('learn') && (
          <>
            <button type="button" class="btn" disabled={isBusy} onClick={() => learn('spam')}>
              It is spam
            </button>
            <button type="button" class="btn" disabled={isBusy} onClick={() => learn('ham')}>
              It is not
            </button>
          </>
        )}
        <a class="btn" href={linkTo('why', { id: mail.transaction })}>
          Why?
        </a>
        {may('quarantineRaw') && (
          <a class="btn" href={addressOf(`${path}/raw`)} download={`${id}.eml`}>
            Source
          </a>
        )}
        {canDelete && (
          <button type="button" class="btn danger" disabled={isBusy} onClick={() => setDeleting(true)}>
            Delete…<kbd>d</kbd>
          </button>
        )}
      </div>
      <Trouble problem={problem} again={again} />
      {answer === undefined ? (
        may('quarantineText') ? (
          problem === undefined && <Waiting />
        ) : (
          <p class="note">What is written in it is for the role operate.</p>
        )
      ) : (
        <Content answer={answer} view={view} setView={setView} path={path} />
      )}
      {isDeleting && (
        <Dialog label="Delete" close={() => setDeleting(false)}>
          <form
            onSubmit={(event) => {
              event.preventDefault()
              setDeleting(false)
              void remove()
            }}
          >
            <h2>Delete this message?</h2>
            <p class="warn">Nobody can read or release it after that. It goes by itself on {dayOf(mail.until)}.</p>
            <div class="acts">
              <button type="button" class="btn" onClick={() => setDeleting(false)}>
                Leave it<kbd>Esc</kbd>
              </button>
              <button type="submit" class="btn primary danger">
                Delete
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </article>
  )
}

function releasedInWords(outcomes: ApiAnswer<'release'>['outcomes']): string {
  const failed = outcomes.filter(({ released }) => !released)
  if (failed.length === 0)
    return `Released to ${outcomes.length === 1 ? outcomes[0]?.to : counted(outcomes.length, 'recipient')}.`
  return `Not released to ${failed.map(({ to, reply }) => `${to}: ${reply}`).join('; ')}`
}

function Envelope({ mail, answer }: { mail: ApiShape<'kept'>; answer: Text | undefined }) {
  return (
    <dl class="kv">
      <Fact word="From">
        <bdi dir="ltr">
          <Visible text={mail.from === '' ? '<>' : mail.from} />
        </bdi>
      </Fact>
      <Fact word="To">
        {mail.to.map((to, n) => (
          <>
            {n > 0 && ', '}
            <bdi dir="ltr">
              <Visible text={to} />
            </bdi>
          </>
        ))}
      </Fact>
      <Fact word="Client">
        <code>{mail.remote}</code> {mail.helo !== undefined && <Visible text={mail.helo} />}
      </Fact>
      {answer?.proof !== undefined && Object.keys(answer.proof).length > 0 && (
        <Fact word="Proof">
          {Object.entries(answer.proof)
            .map(([name, result]) => `${name.toUpperCase()} ${result}`)
            .join(', ')}
        </Fact>
      )}
    </dl>
  )
}

function Content({
  answer,
  view,
  setView,
  path,
}: {
  answer: Text
  view: View
  setView: (view: View) => void
  path: string
}) {
  const views = VIEWS.filter(([key]) => key !== 'html' || may('quarantineHtml'))
  const { images, scripts, forms, frames } = answer.omitted
  const out = [
    [images, 'remote picture'],
    [scripts, 'script'],
    [forms, 'form'],
    [frames, 'frame'],
  ] as const
  return (
    <>
      <div class="safe">
        <b>Shown as text; nothing was loaded or run.</b>
        {out.map(([count, word]) => count > 0 && <span>{counted(count, word)} left out</span>)}
        <span>links cannot be followed</span>
        {answer.truncated && <span>cut, the rest is in its source</span>}
        <span>Kept until {dayOf(answer.until)}</span>
      </div>
      <Segments label="View" options={views} value={view} choose={setView} />
      {view === 'text' && (
        <div class="body" dir="auto">
          {answer.body.length === 0 ? <span class="shadow">No text in it.</span> : <Stretches parts={answer.body} />}
        </div>
      )}
      {view === 'html' && <Cage address={addressOf(`${path}/html`)} />}
      {view === 'fields' && (
        <dl class="kv body">
          {answer.fields.map(({ name, value }) => (
            <Fact word={name}>
              <span dir="auto">
                <Stretches parts={value} />
              </span>
            </Fact>
          ))}
        </dl>
      )}
      {answer.attachments.map((attachment) => (
        <div class="att">
          <b>
            <bdi>
              <Stretches parts={attachment.name} />
            </bdi>
          </b>
          {attachment.warnings.map((warning) => (
            <span class="say reject">
              <Icon id="g-reject" />
              <Visible text={warning} />
            </span>
          ))}
          <small>
            <Visible
              text={
                attachment.found !== undefined && attachment.found !== attachment.declared
                  ? `${attachment.declared}, in truth ${attachment.found}`
                  : attachment.declared
              }
            />
            , {octets(attachment.octets)}, not opened
          </small>
        </div>
      ))}
    </>
  )
}

/** The HTML of a mail in a frame that may do nothing, under a policy of its own. What has none is said in words: a frame could not. */
function Cage({ address }: { address: string }) {
  const [said, setSaid] = useState<string | undefined>('')
  useEffect(() => {
    fetch(address, { credentials: 'same-origin' }).then(
      ({ ok, status }) =>
        setSaid(ok ? undefined : status === 404 ? 'It has no HTML.' : `The server answered ${status}.`),
      () => setSaid('The server does not answer.'),
    )
  }, [address])
  if (said !== undefined) return <p class="body shadow">{said}</p>
  return (
    <iframe class="cage" title="The message as HTML, in a cage" sandbox="" referrerpolicy="no-referrer" src={address} />
  )
}
