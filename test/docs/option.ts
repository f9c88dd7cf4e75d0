/** A table of options from the JSON Schema of a plugin's options. */

/** The part of JSON Schema that zod writes for options. */
export interface OptionSchema {
  /** Of an amount or a pattern, what `@postroad/options` says. */
  readonly grammar?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly OptionSchema[]
  readonly oneOf?: readonly OptionSchema[]
  readonly items?: OptionSchema
  readonly properties?: Readonly<Record<string, OptionSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: OptionSchema | boolean
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
}

/** One row of the table. */
export interface OptionRow {
  /** `to.host`, `domains.*.via`, `routes[].match`. */
  readonly name: string
  readonly type: string
  /** As code; undefined when there is none. */
  readonly byDefault: string | undefined
  readonly isRequired: boolean
  readonly description: string
}

/** The table as Markdown. */
export function formatOptions(schema: OptionSchema): string {
  const rows = listOptions(schema).map(
    ({ name, type, byDefault, isRequired, description }) =>
      `| \`${name}\` | ${escapeCell(type)} | ${isRequired ? '*required*' : byDefault === undefined ? '' : `\`${escapeCell(byDefault)}\``} | ${escapeCell(description)} |`,
  )
  return rows.length === 0
    ? 'It has no options.'
    : `| Option | Type | Default | Meaning |\n|---|---|---|---|\n${rows.join('\n')}`
}

/** Every option, those within others after them. */
export function listOptions(schema: OptionSchema, prefix = ''): OptionRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, option]) => [
    {
      name: prefix + key,
      type: describeType(option),
      byDefault: option.default === undefined ? undefined : JSON.stringify(option.default),
      // Within something that may be left out, "required" would say too much.
      isRequired: prefix === '' && option.default === undefined && (schema.required?.includes(key) ?? false),
      description: option.description ?? '',
    },
    ...listInner(option, prefix + key),
  ])
}

function listInner(option: OptionSchema, name: string): OptionRow[] {
  const inner = [...listOptions(option, `${name}.`)]
  if (option.items) inner.push(...listInner({ ...option.items }, `${name}[]`))
  if (typeof option.additionalProperties === 'object')
    inner.push(...listInner(option.additionalProperties, `${name}.*`))
  const alternatives = [...(option.anyOf ?? []), ...(option.oneOf ?? [])]
  // The fields of a literal, `{ kind: 'suspect', points, reason }`, are not options of their own.
  for (const alternative of alternatives) if (!isValue(alternative)) inner.push(...listInner(alternative, name))
  return inner
}

function isValue({ properties = {} }: OptionSchema): boolean {
  return Object.values(properties).some((property) => property.const !== undefined)
}

function describeType(schema: OptionSchema): string {
  if (schema.grammar !== undefined) return schema.grammar
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives) return [...new Set(alternatives.map(describeType))].join(' | ')
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' | ')
  if (schema.items) return `list of ${describeType(schema.items)}`
  if (isValue(schema)) return describeValue(schema)
  if (typeof schema.additionalProperties === 'object' && !schema.properties)
    return `map of ${describeType(schema.additionalProperties)}`
  const type = [schema.type ?? 'any'].flat().join(' | ')
  return type === 'number' || type === 'integer' ? `${type}${describeRange(schema)}` : type
}

function describeValue({ properties = {} }: OptionSchema): string {
  const fields = Object.entries(properties).map(([key, value]) =>
    value.const === undefined ? key : `${key}: ${JSON.stringify(value.const)}`,
  )
  return `\`{ ${fields.join(', ')} }\``
}

function describeRange({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: OptionSchema): string {
  const low =
    exclusiveMinimum === undefined
      ? minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER
        ? ''
        : ` ≥ ${minimum}`
      : ` > ${exclusiveMinimum}`
  const high =
    exclusiveMaximum === undefined
      ? maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER
        ? ''
        : ` ≤ ${maximum}`
      : ` < ${exclusiveMaximum}`
  return low && high ? `${low},${high}` : low + high
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
