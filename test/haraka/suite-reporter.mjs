// One line a test: `ok` or `no`, and its name with those of its groups.
async function* lines(source) {
  const names = []
  for await (const { type, data } of source) {
    if (type === 'test:start') names.length = data.nesting
    if (type === 'test:start') names[data.nesting] = data.name
    if ((type === 'test:pass' || type === 'test:fail') && data.details?.type !== 'suite' && data.skip === undefined) {
      yield `${JSON.stringify({ ok: type === 'test:pass', name: [...names.slice(0, data.nesting), data.name].join(' > '), why: data.details?.error?.cause?.message ?? data.details?.error?.message })}\n`
    }
  }
}

// biome-ignore lint/style/noDefaultExport: node:test looks for it
export { lines as default }
