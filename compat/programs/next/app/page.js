import { headers } from 'next/headers'

// Rendered for each request, by what the request says.
export default async function Page() {
  const given = await headers()
  return <p>rendered for {given.get('x-who')}</p>
}
