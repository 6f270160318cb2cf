import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: { environment: 'happy-dom', include: ['tests/widgets/**/*.test.{ts,tsx}'] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } }
});
