/** The description of the interface (OpenAPI 3.1), made of the same table as its routes. */
import { calls, events, shapes } from '@postroad/admin-api/zod'
import { z } from 'zod'

type Call = (typeof calls)[keyof typeof calls]
interface JsonSchema {
  readonly [key: string]: unknown
}

const PROBLEM = {
  description: 'A refusal, RFC 9457',
  content: {
    'application/problem+json': {
      schema: {
        type: 'object',
        required: ['status', 'title'],
        properties: { status: { type: 'integer' }, title: { type: 'string' }, detail: { type: 'string' } },
      },
    },
  },
}

/** @param can names of the calls that the server answers; default: all */
export function openApi(version: string, can: ReadonlySet<string> = new Set(Object.keys(calls))): JsonSchema {
  const paths = new Map<string, Record<string, unknown>>()
  for (const [name, call] of Object.entries(calls)) {
    if (!can.has(name)) continue
    const path = call.path.replaceAll(/:(\w+)/g, '{$1}')
    const item = paths.get(path) ?? {}
    paths.set(path, item)
    item[call.method.toLowerCase()] = operation(name, call)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Postroad',
      version,
      description:
        'Times are milliseconds since the epoch, durations milliseconds, sizes octets. What the server does not know is absent.',
    },
    paths: Object.fromEntries(paths),
    components: {
      schemas: Object.fromEntries(
        [
          ...Object.entries(shapes),
          ...Object.entries(events).map(([key, schema]) => [`event-${key}`, schema] as const),
        ].map(([key, schema]) => [key, schemaOf(schema, 'output')]),
      ),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'postroad token new' },
        cookie: { type: 'apiKey', in: 'cookie', name: '__Host-postroad', description: 'POST /v1/session' },
      },
    },
  }
}

function operation(name: string, call: Call): JsonSchema {
  const type = 'type' in call ? call.type : 'application/json'
  const body = 'body' in call ? call.body : undefined
  const takes = 'takes' in call ? call.takes : undefined
  return {
    operationId: name,
    summary: call.summary,
    'x-role': call.access,
    ...(call.access === 'public' ? { security: [] } : { security: [{ token: [] }, { cookie: [] }] }),
    parameters: [...pathParameters(call.path), ...('query' in call ? queryParameters(call.query) : [])],
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } },
    }),
    ...(takes && { requestBody: { required: true, content: { [takes]: { schema: { type: 'string' } } } } }),
    responses: {
      200: { description: call.summary, content: { [type]: { schema: schemaOf(call.answer, 'output') } } },
      default: PROBLEM,
    },
  }
}

function pathParameters(path: string): readonly object[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters(query: z.ZodType): readonly object[] {
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    properties?: Readonly<Record<string, { description?: string }>>
    required?: readonly string[]
  } // zod's own
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }))
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io }) as JsonSchema
  return rest
}
