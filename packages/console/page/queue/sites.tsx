/** The queue by destination: how old, what the other side said last, and when it is tried again. */
import type { ApiShape } from '@postroad/admin-api'
import { Mark } from '../part/opinion.tsx'
import { Visible } from '../part/visible.tsx'
import { agesInWords } from '../screen/overview.tsx'
import { ageOf, number, octets, plural } from '../word.ts'

type Site = ApiShape<'site'>

/** From this age on mail is late: an hour, in milliseconds. */
const LATE_MS = 6 * 3_600_000

/** `smtp:example.com` without its transport. */
export const siteName = (site: string): string => site.replace(/^[a-z]+:/, '')

/** The table. */
export function Sites({
  sites,
  bounds,
  chosen,
  choose,
}: {
  sites: readonly Site[]
  bounds: readonly number[]
  chosen: string | undefined
  choose: (site: string) => void
}) {
  const ages = agesInWords(bounds, '< ')
  const most = Math.max(2, ...sites.flatMap((site) => site.ages))
  return (
    <div class="tablewrap">
      <table class="data queue">
        <caption class="vh">Destinations, the fullest first</caption>
        <thead>
          <tr>
            <th scope="col">Destination</th>
            <th scope="col" class="num">
              Messages
            </th>
            {ages.map((age) => (
              <th scope="col" class="num">
                {age}
              </th>
            ))}
            <th scope="col" class="num sz">
              Size
            </th>
            <th scope="col">Last reply</th>
            <th scope="col" class="num">
              Next attempt
            </th>
          </tr>
        </thead>
        <tbody>
          {sites.map((site) => (
            <tr aria-selected={site.site === chosen} data-site={site.site} onClick={() => choose(site.site)}>
              <th scope="row">
                <button type="button" class="plainbtn" onClick={() => choose(site.site)}>
                  <bdi dir="ltr">{siteName(site.site)}</bdi>
                </button>
                <Domains site={site} />
              </th>
              <td class="num tot">
                <b>{number(site.messages)}</b>
              </td>
              {ages.map((age, n) => (
                <Heat label={age} count={site.ages[n] ?? 0} most={most} isLate={(bounds[n - 1] ?? 0) >= LATE_MS} />
              ))}
              <td class="num sz">{octets(site.octets)}</td>
              <td class="reply">
                <LastReply site={site} />
              </td>
              <td class="num next">
                <Next site={site} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Domains({ site: { site, domains, domainCount } }: { site: Site }) {
  const others = domains.filter((domain) => domain !== siteName(site))
  if (others.length === 0) return null
  const text = `${others.slice(0, 2).join(', ')}${domainCount > 2 ? ` and ${domainCount - 2} more` : ''}`
  return <small title={domains.join(', ')}>{text}</small>
}

function Heat({ label, count, most, isLate }: { label: string; count: number; most: number; isLate: boolean }) {
  const tint = count === 0 ? 0 : 7 + (34 * Math.log(count + 1)) / Math.log(most + 1)
  return (
    <td
      class={`heat${count === 0 ? ' zero' : ''}`}
      data-label={label}
      style={{ '--v': tint.toFixed(0), '--tint': isLate ? 'var(--defer)' : 'var(--accent)' }}
    >
      <span>{count === 0 ? '·' : number(count)}</span>
    </td>
  )
}

function LastReply({ site: { lastReply, suspended } }: { site: Site }) {
  if (suspended !== undefined)
    return (
      <>
        <Mark kind="silent" />
        Suspended {ageOf(Date.now() - suspended.since)} ago{suspended.reason !== '' && ': '}
        {suspended.reason !== '' && (
          <bdi>
            <Visible text={suspended.reason} />
          </bdi>
        )}
      </>
    )
  if (lastReply === undefined) return <span class="shadow">none yet</span>
  const { code, status, text } = lastReply
  const kind = code === 0 ? 'failed' : code >= 500 ? 'refused' : code >= 400 ? 'deferred' : 'ok'
  const css = kind === 'ok' ? 'ok' : kind === 'deferred' ? 'defer' : 'reject'
  return (
    <>
      <Mark kind={kind} />
      {code > 0 && (
        <b class={css}>
          {code} {status}
        </b>
      )}{' '}
      <bdi>
        <Visible text={text} />
      </bdi>
    </>
  )
}

function Next({ site: { nextAt, connections, suspended } }: { site: Site }) {
  const wait = nextAt === undefined ? undefined : nextAt - Date.now()
  return (
    <>
      {suspended !== undefined ? (
        <span class="say shadow suspended">suspended</span>
      ) : wait === undefined ? (
        ''
      ) : wait <= 1_000 ? (
        'now'
      ) : (
        `in ${ageOf(wait)}`
      )}
      {connections !== undefined && connections.open > 0 && (
        <small>
          <br />
          {number(connections.open)} {plural(connections.open, 'connection', 'connections')} of{' '}
          {number(connections.most)}
        </small>
      )}
    </>
  )
}
