//! The crates that rust-analyzer loads: the session's crate, the runtime, the crates in scope and
//! the standard library.

use crate::eval::runtime::Runtime;
use crate::eval::tools::{analyzer_cache, files};
use ra_ap_base_db::SourceRoot;
use ra_ap_hir::ChangeWithProcMacros;
use ra_ap_ide::{AnalysisHost, FileId};
use ra_ap_ide_db::FxHashMap;
use ra_ap_paths::{AbsPathBuf, Utf8PathBuf};
use ra_ap_project_model::{
    CargoConfig, ManifestPath, ProjectManifest, ProjectWorkspace, RustLibSource,
};
use ra_ap_vfs::file_set::FileSet;
use ra_ap_vfs::{Change, Vfs, VfsPath};
use rask_wire::helpers::Whole;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

type Anything<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A crate that represents the current cell, with everything that it may name.
pub(super) struct Project {
    pub(super) host: AnalysisHost,
    files: Vfs,
    folder: AbsPathBuf,
    source: VfsPath,
    sysroot: AbsPathBuf,
}

fn absolute(path: &Path) -> Anything<AbsPathBuf> {
    let path = Utf8PathBuf::from_path_buf(path.to_owned())
        .map_err(|p| format!("{} is not valid UTF-8", p.display()))?;
    AbsPathBuf::try_from(path).map_err(|p| format!("{p} is not an absolute path").into())
}

impl Project {
    /// Creates a project in a folder of the session; nothing is loaded yet.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be created.
    pub(super) fn new(runtime: &Runtime, session: &Path) -> Anything<Self> {
        let folder = files::reading_folder(session);
        std::fs::create_dir_all(folder.join("src"))?;
        std::fs::write(folder.join("src/lib.rs"), "")?;
        let folder = absolute(&folder)?;
        let source = VfsPath::from(folder.join("src/lib.rs"));
        let mut files = Vfs::default();
        files.set_file_contents(source.clone(), Some(Vec::new()));
        let sysroot = absolute(&files::toolchain_of_readers(session))?;
        std::fs::copy(runtime.folder.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        Ok(Self { host: AnalysisHost::new(None), files, folder, source, sysroot })
    }

    /// Returns the file that contains the current cell.
    pub(super) fn source(&self) -> FileId {
        // It was added when the project was created, and is never removed.
        self.files.file_id(&self.source).expect("the source is in the project").0
    }

    /// Loads everything that the manifest names.
    ///
    /// # Errors
    /// Returns an error if cargo cannot resolve the manifest.
    pub(super) fn load(&mut self, manifest: &str) -> Anything<()> {
        let path = self.folder.join("Cargo.toml");
        std::fs::write(&path, manifest)?;
        let manifest =
            ManifestPath::try_from(path).map_err(|p| format!("{p} is not a manifest"))?;
        let mut extra_env = FxHashMap::default();
        extra_env.insert(analyzer_cache::READER.to_owned(), Some("1".to_owned()));
        let config = CargoConfig {
            sysroot: Some(RustLibSource::Path(self.sysroot.clone())),
            extra_env,
            ..CargoConfig::default()
        };
        let workspace =
            ProjectWorkspace::load(ProjectManifest::CargoToml(manifest), &config, &|_| {})?;
        let folders: Vec<PathBuf> = workspace
            .to_roots()
            .into_iter()
            .flat_map(|root| root.include)
            .filter(|folder| *folder != self.folder)
            .map(|f| f.into())
            .collect();
        for (path, content) in read_all(folders) {
            if let Ok(path) = absolute(&path) {
                self.files.set_file_contents(path.into(), Some(content));
            }
        }
        let mut change = ChangeWithProcMacros::default();
        for (id, file) in self.files.take_changes() {
            if let Change::Create(content, _) | Change::Modify(content, _) = file.change {
                change.change_file(id, String::from_utf8(content).ok());
            }
        }
        // The cell changes all the time, the libraries never do: marking them as durable avoids
        // revalidation.
        let (mut own, mut libraries) = (FileSet::default(), FileSet::default());
        for (id, path) in self.files.iter() {
            let set = if *path == self.source { &mut own } else { &mut libraries };
            set.insert(id, path.clone());
        }
        change.set_roots(vec![SourceRoot::new_local(own), SourceRoot::new_library(libraries)]);
        let mut load = |path: &ra_ap_paths::AbsPath| {
            self.files.file_id(&path.to_path_buf().into()).map(|(id, _)| id)
        };
        let (crates, _) = workspace.to_crate_graph(&mut load, &FxHashMap::default());
        change.set_crate_graph(crates);
        self.host.apply_change(change);
        Ok(())
    }

    /// Starts a thread that resolves the names and the impls of all crates, in the order in which
    /// they depend on each other, until the next change cancels it.
    pub(super) fn read_ahead(&self) {
        let db = self.host.raw_database().clone();
        let read = move || {
            ra_ap_hir::attach_db(&db, || {
                for krate in ra_ap_base_db::all_crates(&db).iter() {
                    ra_ap_hir::TraitImpls::for_crate(&db, *krate);
                }
            });
        };
        // A change cancels this with a panic, by design; without the thread, the crates are
        // resolved when they are needed.
        let quietly = move || drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)));
        let _ = std::thread::Builder::new()
            .name("read-ahead".to_owned())
            .stack_size(64 << 20)
            .spawn(quietly);
    }

    /// Sets the text of the current cell.
    pub(super) fn set(&mut self, text: String) {
        let mut change = ChangeWithProcMacros::default();
        change.change_file(self.source(), Some(text));
        self.host.apply_change(change);
    }
}

/// Reads all Rust files of the folders except those of tests, benchmarks and examples; with two
/// threads, as most of the time is spent waiting for the file system.
fn read_all(folders: Vec<PathBuf>) -> Vec<(PathBuf, Vec<u8>)> {
    let queue = Mutex::new(folders);
    let next = || queue.lock().whole().pop();
    let work = || {
        let mut found = Vec::new();
        while let Some(folder) = next() {
            read_folder(&folder, &mut found);
        }
        found
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut found = work();
        found.extend(other.join().unwrap_or_default());
        found
    })
}

fn read_folder(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    const SKIPPED: [&str; 5] = ["target", "tests", "benches", "examples", "benchmarks"];
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        if is_folder && !name.starts_with('.') && !SKIPPED.contains(&&*name) {
            read_folder(&path, found);
        } else if name.ends_with(".rs")
            && let Ok(content) = std::fs::read(&path)
        {
            found.push((path, content));
        }
    }
}
