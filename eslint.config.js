import tseslint from 'typescript-eslint'

/** The import rules of ARCHITECTURE.md: what each folder may not reach for. */
const nodeIo = ['node:net', 'node:tls', 'node:dns', 'node:http', 'node:https']
const drivers = ['kafkajs', 'libsql', 'avsc', 'mailparser', 'pino', 'cli-progress', 'socks']
const restrict = (paths, patterns = []) => ({
  'no-restricted-imports': [
    'error',
    {
      paths: paths.map((name) => ({ name, message: 'See the folder table in ARCHITECTURE.md.' })),
      patterns: patterns.map((group) => ({
        group: [group],
        message: 'See the folder table in ARCHITECTURE.md.',
      })),
    },
  ],
})

/** Core files take the clock and chance as parameters, so that a simulator can own them. */
const noAmbient = {
  'no-restricted-globals': [
    'error',
    ...['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
      name,
      message: 'Take the clock as a parameter (src/clock.ts).',
    })),
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: 'Take the clock as a parameter (src/clock.ts).' },
    { object: 'Math', property: 'random', message: 'Take chance as a parameter.' },
  ],
}

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.cache/**', 'coverage/**', 'demo-data/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 12],
      eqeqeq: 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-empty-object-type': [
        'error',
        { allowInterfaces: 'with-single-extends' },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
    },
  },
  {
    files: ['src/pop3/**/*.ts'],
    ignores: ['src/pop3/transport.ts', 'src/pop3/proxy.ts', 'src/pop3/discovery.ts'],
    rules: { ...restrict([...nodeIo, ...drivers], ['../!(errors)*', '../*/**']), ...noAmbient },
  },
  {
    files: ['src/sources/**/*.ts'],
    rules: {
      ...restrict([...nodeIo, ...drivers], ['**/sinks/*/**', '**/transforms/**', '**/cli/**']),
      ...noAmbient,
    },
  },
  {
    files: ['src/transforms/**/*.ts'],
    rules: restrict(
      [...nodeIo, 'kafkajs', 'libsql', 'pino', 'cli-progress'],
      ['**/sinks/**', '**/sources/pop3/**', '**/pop3/**', '**/cli/**'],
    ),
  },
  {
    files: ['src/audit/**/*.ts', 'src/restore/**/*.ts'],
    rules: {
      ...restrict(
        [...nodeIo, ...drivers],
        ['**/sinks/*/**', '**/sources/**', '**/transforms/**', '**/pop3/**', '**/cli/**'],
      ),
      ...noAmbient,
    },
  },
  {
    files: ['src/pipeline/**/*.ts'],
    rules: {
      ...restrict(
        [...nodeIo, ...drivers],
        ['**/sinks/*/**', '**/sources/*/**', '**/pop3/**', '**/cli/**'],
      ),
      ...noAmbient,
    },
  },
  {
    files: ['src/sinks/kafka/**/*.ts'],
    rules: restrict(
      ['libsql', 'mailparser', 'pino', 'cli-progress'],
      ['**/sources/*/**', '**/pop3/**', '**/cli/**', '**/sqlite/**'],
    ),
  },
  {
    files: ['src/sinks/sqlite/**/*.ts'],
    rules: restrict(
      ['kafkajs', 'libsql', 'mailparser', 'pino', 'cli-progress'],
      ['**/sources/*/**', '**/pop3/**', '**/cli/**', '**/kafka/**'],
    ),
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
)
