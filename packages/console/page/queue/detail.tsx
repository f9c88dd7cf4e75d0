/** One destination: why it is slow, in words, and its oldest messages. */
import type { ApiShape } from '@postroad/admin-api'
import { Fact } from '../now/panel.tsx'
import { Visible } from '../part/visible.tsx'
import { ageOf, number, timeOf, whenOf } from '../word.ts'
import { Messages } from './messages.tsx'

/** The two columns below the table. */
export function Detail({ site }: { site: ApiShape<'site'> }) {
  const { connections, estimate, lastReply, suspended } = site
  return (
    <div class="detail">
      <div>
        <h2>{suspended === undefined ? 'What limits it' : 'Why it stands'}</h2>
        {suspended !== undefined ? (
          <p>
            Suspended{suspended.by === undefined ? '' : ` by ${suspended.by}`} since {whenOf(suspended.since)}
            {suspended.reason === '' ? '.' : ': '}
            {suspended.reason !== '' && <Visible text={suspended.reason} />}
          </p>
        ) : lastReply !== undefined && /^[45]\.4\.[12]$/.test(lastReply.status ?? '') ? (
          <p>
            At {timeOf(lastReply.at).slice(0, 5)} there was no answer
            {lastReply.host !== undefined && (
              <>
                {' '}
                of <bdi dir="ltr">{lastReply.host}</bdi>
              </>
            )}
            : <Visible text={lastReply.text} />.
          </p>
        ) : lastReply !== undefined && lastReply.code >= 400 ? (
          <p>
            At {timeOf(lastReply.at).slice(0, 5)}{' '}
            {lastReply.host === undefined ? 'the other side' : <bdi dir="ltr">{lastReply.host}</bdi>} answered{' '}
            <code>{[lastReply.code, lastReply.status].filter(Boolean).join(' ')}</code>{' '}
            <Visible text={lastReply.text} />
            {connections?.because[0] === undefined ? '.' : `; ${connections.because[0]}.`}
          </p>
        ) : lastReply?.code === 0 ? (
          <p>
            At {timeOf(lastReply.at).slice(0, 5)} nobody answered: <Visible text={lastReply.text} />
          </p>
        ) : (
          <p>Nothing is known that narrows it.</p>
        )}
        <dl class="kv">
          {connections !== undefined && (
            <Fact word="Connections">
              {number(connections.open)} of {number(connections.most)}
              {connections.because.length > 1 && `: ${connections.because.slice(1).join('; ')}`}
            </Fact>
          )}
          {estimate !== undefined && (
            <Fact word="Pace">
              {number(estimate.perMinute)} a minute; empty at <b>{whenOf(estimate.emptyAt)}</b>
            </Fact>
          )}
          {site.oldestAt !== undefined && <Fact word="Oldest">{ageOf(Date.now() - site.oldestAt)}</Fact>}
          <Fact word="Recipients">{number(site.recipients)}</Fact>
          {site.held > 0 && <Fact word="Held">{number(site.held)}</Fact>}
        </dl>
      </div>
      <div>
        <Messages filter={{ site: site.site }} title="Oldest" />
      </div>
    </div>
  )
}
