import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const TESTS = 'tests/widgets/**/*.test';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    // what draws nothing needs no page: to make one for each file takes longer than its tests
    projects: [
      { extends: true, test: { name: 'values', environment: 'node', include: [`${TESTS}.ts`] } },
      { extends: true, test: { name: 'views', environment: 'happy-dom', include: [`${TESTS}.tsx`] } }
    ]
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } }
});
