/** What programs ask of the filter over HTTP: a mail server teaches it what its users move. */
import type { Clock, HttpContext, HttpRoute } from '@postroad/plugin'
import type { JunkOptions } from './options.ts'
import type { School } from './school.ts'
import { statsOf, statsText } from './stats.ts'
import { OUTCOME_TEXT } from './teacher.ts'

/** Octets of a message that is learned. */
const MOST = 26_214_400
/** A user that is none is a mistake of who asks. */
const USER = /^[^\s\0-\x1f\x7f]{1,320}$/

/** The routes of the plugin. */
export function junkRoutes(
  school: School,
  { options, clock }: { readonly options: JunkOptions; readonly clock: Pick<Clock, 'now'> },
): readonly HttpRoute[] {
  return [
    {
      method: 'POST',
      path: '/v1/junk/learn/:label',
      access: 'operate',
      summary: 'Learns the message in the body as spam or ham, for everybody or for ?user=ADDRESS',
      bodyLimit: MOST,
      timeout: 60_000,
      handler: (context) => learn(context, school),
    },
    {
      method: 'GET',
      path: '/v1/junk/stats',
      access: 'read',
      summary: 'How much the filter has learned, and how often it was wrong',
      handler: async () => Response.json(await stats()),
    },
    {
      method: 'GET',
      path: '/v1/junk/metrics',
      access: 'read',
      summary: 'The same for Prometheus',
      handler: async () =>
        new Response(statsText(await stats()), {
          headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
        }),
    },
  ]

  async function stats() {
    return statsOf((await school.open()).keeper, options, clock.now())
  }
}

async function learn({ request, url, params, log }: HttpContext, school: School): Promise<Response> {
  const { label } = params
  if (label !== 'spam' && label !== 'ham') return problem(404, 'learn /spam or /ham')
  const user = url.searchParams.get('user') || undefined
  if (user !== undefined && !USER.test(user)) return problem(400, 'user is no address')
  const octets = new Uint8Array(await request.arrayBuffer())
  if (octets.length === 0) return problem(400, 'the body is the message to learn, and it is empty')
  const teacher = await school.open()
  try {
    const outcome = await teacher.teach(octets, { label: label === 'spam' ? 'junk' : 'wanted', user, source: 'http' })
    return Response.json({ outcome, text: OUTCOME_TEXT[outcome] })
  } catch (error) {
    log.warn({ error }, 'a message could not be learned')
    return problem(503, 'it could not be written down, try again later')
  }
}

function problem(status: number, text: string): Response {
  return Response.json({ error: text }, { status })
}
