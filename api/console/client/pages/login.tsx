import { useState } from 'preact/hooks'
import { post } from '../api.ts'
import { usePageTitle } from '../router.ts'

/** The key is exchanged for an HttpOnly cookie and forgotten; it never stays in the page, the URL or storage. */
export function LoginPage({ onDone }: { onDone: () => void }) {
  usePageTitle('Sign in')
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const field = new FormData(form).get('key')
    const key = typeof field === 'string' ? field.trim() : ''
    setBusy(true)
    setError('')
    post('/v1/session', { key }).then(() => onDone(), (cause: unknown) => { setError((cause as Error).message); setBusy(false) })
  }
  return (
    <main>
      <form class="panel login" onSubmit={submit}>
        <h1><img src="/assets/icon.svg" alt="" />Twinward</h1>
        <p class="soft">Sign in with your API key. On the platform’s own machine the first admin key lies in its data folder, in the file <code>admin-key</code>.</p>
        <label>API key<input name="key" type="password" autocomplete="off" required autofocus placeholder="tw_…" /></label>
        {error && <p class="notice" role="alert">{error}</p>}
        <button class="primary" disabled={busy}>{busy ? 'Signing in…' : 'Sign in'}</button>
      </form>
    </main>
  )
}
