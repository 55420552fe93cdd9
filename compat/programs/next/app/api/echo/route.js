export async function POST(request) {
  const text = await request.text()
  return Response.json({ length: text.length, from: request.headers.get('x-forwarded-for')?.replace('::ffff:', '') })
}

// The server of this page is a client, too.
export async function GET(request) {
  const { port } = new URL(request.url)
  const host = request.headers.get('host')
  const response = await fetch(`http://${host}/api/echo`, { method: 'POST', body: 'from inside' })
  return Response.json({ port, inside: (await response.json()).length })
}
