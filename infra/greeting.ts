interface Up {
  readonly url: string
  readonly adminKeyFile: string
  readonly dataDir: string
  readonly workflowsUrl?: string | undefined
}

/** What `npm start` says when it is up: where it is, and what to do next. Names the key's file, never the key. */
export function greeting({ url, adminKeyFile, dataDir, workflowsUrl }: Up): string[] {
  return [
    'Twinward is up.',
    `  Console       ${url}`,
    ...(workflowsUrl === undefined ? [] : [`  Temporal      ${workflowsUrl}`]),
    `  Admin key in  ${adminKeyFile}`,
    `  Logs in       ${dataDir}/logs`,
    '',
    'Next:',
    '  Sign in to the console with the admin key; npm run twinward -- --help lists the operator\'s commands.',
    '  Connect machines: history from CSV files as in docs/first-model.md, live data as in docs/gateway.md.',
    '  See a simulated plant at work: TWINWARD_PORT=0 npm run demo, in another terminal; its data is kept apart.',
    '  Stop with Ctrl-C; the data stays.',
  ]
}
