# The addon: the core and src/binding in one shared object. Build it with `npm run build`, which first generates the
# tables into build/generated; `node-gyp configure build` shares build/ with make, so never use `rebuild` or `clean`.
# Exceptions and RTTI are on because the core is the same code that make builds; none crosses an interface.
# -z nodelete: threads of the engine may outlive the environment that loaded the addon (worker.terminate()).
{
  'targets': [
    {
      'target_name': 'slotwise',
      'sources': ['<!@(node ../scripts/list-native-sources.mjs)'],
      'include_dirs': [
        'src',
        'build/generated',
        '<!(node -p "require(\'node-addon-api\').include_dir")',
      ],
      'defines': ['NAPI_VERSION=9', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', 'NODE_ADDON_API_DISABLE_DEPRECATED'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fno-exceptions', '-fno-rtti'],
      'cflags_cc': [
        '-std=c++20',
        '-O3',
        '-g1',
        '-Wall',
        '-Wextra',
        '-fno-omit-frame-pointer',
        '-fvisibility=hidden',
        '-fvisibility-inlines-hidden',
        '-pthread',
      ],
      'ldflags': ['-Wl,-z,nodelete', '-Wl,--version-script=<(module_root_dir)/addon.map', '-static-libstdc++', '-static-libgcc', '-pthread'],
      'xcode_settings': {
        'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
        'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
        'GCC_ENABLE_CPP_RTTI': 'YES',
        'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
        'GCC_OPTIMIZATION_LEVEL': '3',
        'MACOSX_DEPLOYMENT_TARGET': '12.0',
      },
    },
  ],
}
