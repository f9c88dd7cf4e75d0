/** The description of the interface (OpenAPI 3.1), made of what requests are checked by. */
import { z } from 'zod'
import { shapes } from './schema.ts'

type Json = Readonly<Record<string, unknown>>

const ref = (name: keyof typeof shapes) => ({ $ref: `#/components/schemas/${name}` })
const json = (name: keyof typeof shapes) => ({ 'application/json': { schema: ref(name) } })
const PROBLEM = {
  description: 'A refusal, RFC 9457',
  content: { 'application/problem+json': { schema: ref('problem') } },
}
const KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  schema: { type: 'string', maxLength: 255 },
  description: 'The same request with the same key is done once, and answered alike',
}
const ID = { name: 'id', in: 'path', required: true, schema: { type: 'string' } }

/** The whole of it. */
export function openApi(version: string): Json {
  return {
    openapi: '3.1.0',
    info: { title: 'Postroad: HTTP injection', version, description: 'Mail from programs. 202 means stored.' },
    security: [{ token: [] }],
    paths: {
      '/v1/messages': {
        post: {
          operationId: 'send',
          summary: 'Sends a message',
          parameters: [KEY, ...['from', 'to', 'at', 'tag'].map(inQuery)],
          requestBody: {
            required: true,
            content: { ...json('message'), 'message/rfc822': { schema: { type: 'string' } } },
          },
          responses: {
            202: {
              description: 'Stored',
              content: { 'application/json': { schema: { anyOf: [ref('taken'), ref('results')] } } },
            },
            207: { description: 'Of several messages some are stored', content: json('results') },
            default: PROBLEM,
          },
        },
      },
      '/v1/messages/batch': {
        post: {
          operationId: 'sendBatch',
          summary: 'Sends several messages',
          parameters: [KEY],
          requestBody: { required: true, content: json('batch') },
          responses: {
            202: { description: 'All are stored', content: json('results') },
            207: { description: 'Some are stored', content: json('results') },
            default: PROBLEM,
          },
        },
      },
      '/v1/messages/{id}': {
        get: {
          operationId: 'state',
          summary: 'What has become of a message',
          parameters: [ID],
          responses: { 200: { description: 'What is known', content: json('state') }, default: PROBLEM },
        },
        delete: {
          operationId: 'cancel',
          summary: 'Takes back a message that waits for its time',
          parameters: [ID],
          responses: { 204: { description: 'It is not sent' }, default: PROBLEM },
        },
      },
    },
    components: {
      schemas: schemasOf(),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'postroad token new NAME --role send' },
      },
    },
  }
}

function inQuery(name: string): Json {
  const description = 'Of message/rfc822'
  const schema = name === 'to' || name === 'tag' ? { type: 'array', items: { type: 'string' } } : { type: 'string' }
  return { name, in: 'query', description, schema }
}

function schemasOf(): Json {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(shapes)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, {
    io: 'input',
    uri: (id) => `#/components/schemas/${id}`,
    unrepresentable: 'any',
  })
  return Object.fromEntries(Object.entries(schemas).map(([id, { $schema: _, $id: __, ...rest }]) => [id, rest]))
}
