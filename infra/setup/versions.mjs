/**
 * Every version and digest that the set-up relies on, in one place.
 * A digest is the SHA-256 of the file as it is published; Go modules are checked by Go's own checksum database.
 */

export const node = { minimum: '20.19.0' }

export const temporal = {
  version: '1.5.1',
  /** Version of the server inside the command line tool; older ones found on PATH are passed over. */
  minimumOnPath: '1.29.0',
  goPackage: 'github.com/temporalio/cli/cmd/temporal@v1.5.1',
  /** As published with the release; keyed `<platform>-<arch>` the way Node names them. */
  downloads: {
    'linux-x64': {
      url: 'https://github.com/temporalio/cli/releases/download/v1.5.1/temporal_cli_1.5.1_linux_amd64.tar.gz',
      sha256: 'ddc95e08b0b076efd4ea9733a3f488eb7d2be875f8834e616cd2a37358b4852d',
    },
    'linux-arm64': {
      url: 'https://github.com/temporalio/cli/releases/download/v1.5.1/temporal_cli_1.5.1_linux_arm64.tar.gz',
      sha256: 'bd1b0db9f18b051026de8bf6cc1505f2510f14bbb7a8b9a4a91fff46c77454f5',
    },
    'darwin-x64': {
      url: 'https://github.com/temporalio/cli/releases/download/v1.5.1/temporal_cli_1.5.1_darwin_amd64.tar.gz',
      sha256: 'bbb73e2a31135abe50a1f1cdb35030c42961df618e8ce9c60ae89f201540c5d9',
    },
    'darwin-arm64': {
      url: 'https://github.com/temporalio/cli/releases/download/v1.5.1/temporal_cli_1.5.1_darwin_arm64.tar.gz',
      sha256: 'cca01b7ea35ad56e2a328d9ae596bf716bd22313ef63c7a761c88354457c2415',
    },
  },
}

export const minio = {
  /** The community edition is published as source only, so there is no download to name here. */
  version: '0.0.0-20260212201848-7aac2a2c5b7c',
  /** What people call that version: the day of its commit. */
  label: '2026-02-12',
  goPackage: 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c',
}

export const tensorflow = {
  /** The version of @tensorflow/tfjs-node whose binding is built; must equal package.json's. */
  tfjsNode: '4.22.0',
  /** The library that @tensorflow/tfjs-node's own install script takes. */
  downloads: {
    'linux-x64': {
      url: 'https://storage.googleapis.com/tensorflow/libtensorflow/libtensorflow-cpu-linux-x86_64-2.9.1.tar.gz',
      sha256: '7f510d2546e3db5e10b1d119463689003d587842892ad3c95bca51cf82820173',
      version: '2.9.1',
    },
    'linux-arm64': {
      url: 'https://storage.googleapis.com/tf-builds/libtensorflow_r2_7_linux_arm64.tar.gz',
      sha256: '9395d1ff39f5b6847f5121e679ff4e599dc7061a2a7f87ceac061c78e908e6e3',
      version: '2.7',
    },
    'darwin-x64': {
      url: 'https://storage.googleapis.com/tensorflow/libtensorflow/libtensorflow-cpu-darwin-x86_64-2.9.1.tar.gz',
      sha256: '56f83d3320ba0f69aaafd6c058645e1b7fbc75fb9a3fc36d6be98de1291ca226',
      version: '2.9.1',
    },
    'darwin-arm64': {
      url: 'https://storage.googleapis.com/tf-builds/libtensorflow_r2_7_darwin_arm64_cpu.tar.gz',
      sha256: '13ab22b97e2af06e431aaeb7b42fb89981965dd01aa16da035d8210aa4183d79',
      version: '2.7',
    },
  },
  /** A wheel is a zip; any of its Python versions holds the same library, so one is pinned. */
  wheel: {
    requirement: 'tensorflow-cpu==2.18.1',
    version: '2.18.1',
    platforms: {
      'linux-x64': {
        tags: ['--platform', 'manylinux_2_17_x86_64', '--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'],
        sha256: '810c75d7149d2da0cb2092187817b0dcabb80728ca9f9cf3a61f3f42fadd1298',
        bytes: 230_000_000,
      },
    },
  },
}
