//! The names in the scan directory, and what they lead to. Pure.

use super::finding::{Finding, Kind};
use crate::text;

/// A directory's device and inode number: it has the same under each of its names.
pub type Identity = (u64, u64);

/// What a name of the scan directory leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leads {
    /// To a directory.
    To(Identity),
    /// Nowhere.
    Nowhere,
    /// To a file.
    ToFile,
    /// It may not be looked at.
    Unknown,
}

/// A name in the scan directory, or `NAME/log` of a service that has a logger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub name: Vec<u8>,
    /// Its path.
    pub path: Vec<u8>,
    /// What it points at, if it is a link.
    pub target: Option<Vec<u8>>,
    /// Where it leads.
    pub leads: Leads,
    /// The identity of its `supervise`, and whether `supervise` is a link.
    pub records: Option<(Identity, bool)>,
    /// Whether these records were made for another directory, and no supervise uses them.
    pub has_foreign_records: bool,
}

/// The first name of each identity, for all names in their order.
#[derive(Debug)]
struct Index(Vec<(Identity, usize)>);

impl Index {
    fn of(names: &[Name], identity: impl Fn(&Name) -> Option<Identity>) -> Self {
        let all = names.iter().enumerate();
        let mut all: Vec<_> =
            all.filter_map(|(place, name)| Some((identity(name)?, place))).collect();
        all.sort_unstable();
        Self(all)
    }

    /// The place of the first name that has this identity.
    fn first(&self, identity: Identity) -> Option<usize> {
        let at = self.0.partition_point(|(other, _)| *other < identity);
        self.0.get(at).filter(|(other, _)| *other == identity).map(|(_, place)| *place)
    }
}

impl Name {
    const fn directory(&self) -> Option<Identity> {
        match self.leads {
            Leads::To(identity) => Some(identity),
            Leads::Nowhere | Leads::ToFile | Leads::Unknown => None,
        }
    }
}

/// Links that lead to no directory.
#[must_use]
pub fn wrong_links(names: &[Name]) -> Vec<Finding> {
    let wrong = |name: &Name| {
        let target = name.target.as_ref()?;
        let path = text::quoted(&name.path);
        let (kind, title, what) = match name.leads {
            Leads::Nowhere => (Kind::LinkDangling, "its link leads nowhere", "which is not there"),
            Leads::ToFile => {
                (Kind::LinkToFile, "its link leads to a file", "which is no directory")
            }
            Leads::To(_) | Leads::Unknown => return None,
        };
        let found = Finding::on(&name.name, kind, title);
        let found = found.saw(format!("{path} points at {}, {what}", text::name(target)));
        Some(found.command(format!("rm {path}")))
    };
    names.iter().filter_map(wrong).collect()
}

/// Directories that have two names.
#[must_use]
pub fn two_names(names: &[Name]) -> Vec<Finding> {
    let index = Index::of(names, Name::directory);
    let mut found = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let first = name.directory().and_then(|directory| index.first(directory));
        let Some(first) = first.filter(|&first| first < place).and_then(|first| names.get(first))
        else {
            continue;
        };
        // A service with two names has a logger with two: that is said once.
        let main = |name: &Name| name.name.strip_suffix(b"/log").map(<[u8]>::to_vec);
        let parents = (main(first), main(name));
        if let (Some(one), Some(other)) = parents {
            let of =
                |main: &[u8]| names.iter().find(|name| name.name == main).map(|name| name.leads);
            if of(&one) == of(&other) {
                continue;
            }
        }
        let (one, other) = (text::quoted(&first.path), text::quoted(&name.path));
        // The command removes the link, not the directory.
        let goes = if name.target.is_some() || first.target.is_none() { &other } else { &one };
        let title = format!("it is the same directory as {}", text::name(&first.name));
        let finding = Finding::on(&name.name, Kind::TwoNames, title);
        let finding = finding.saw(format!("{one} and {other} are one directory"));
        found.push(finding.command(format!("rm {goes}")));
    }
    found
}

/// The finding about services whose `supervise` is that of another directory.
#[must_use]
pub fn copied(names: &[Name]) -> Vec<Finding> {
    let index = Index::of(names, |name| name.records.map(|(identity, _)| identity));
    let mut found = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let Leads::To(identity) = name.leads else { continue };
        let path = text::quoted(&[&name.path[..], b"/supervise"].concat());
        let finding = |saw: String| {
            let title = "its supervise is another directory's";
            Finding::on(&name.name, Kind::SuperviseCopied, title).saw(saw)
        };
        if name.has_foreign_records {
            let saw = format!("the journal in {path} was made for another directory");
            found.push(finding(saw).command(format!("rm -r {path}")));
            continue;
        }
        let Some((records, is_link)) = name.records else { continue };
        let first = index.first(records).filter(|&first| first < place);
        let Some(first) = first.and_then(|first| names.get(first)) else { continue };
        if first.leads == Leads::To(identity) {
            continue;
        }
        let other = text::quoted(&[&first.path[..], b"/supervise"].concat());
        let finding = finding(format!("{other} and {path} are one directory"));
        found.push(match is_link {
            true => finding.command(format!("rm {path}")),
            false => finding.command(format!("rm {other}")),
        });
    }
    found
}

/// A supervise that our svscan started here, and to which no name in the scan directory leads now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nameless {
    /// Its pid.
    pub pid: u32,
    /// Its service directory.
    pub directory: Identity,
    /// The path of that; nothing if it was removed.
    pub path: Option<Vec<u8>>,
}

/// The findings about supervises whose service has no name any more. A supervise that was asked to
/// leave is not among them.
#[must_use]
pub fn nameless(names: &[Name], supervises: &[Nameless]) -> Vec<Finding> {
    let index = Index::of(names, Name::directory);
    let nameless = supervises.iter();
    let nameless = nameless.filter(|supervise| index.first(supervise.directory).is_none());
    let finding = |supervise: &Nameless| {
        let pid = supervise.pid;
        let (shown, path) = match &supervise.path {
            Some(path) => (text::name(path), text::quoted(path)),
            None => ("a removed directory".to_owned(), format!("/proc/{pid}/cwd")),
        };
        let found = Finding::at_large(Kind::NoName, format!("{shown} runs without a name"));
        let found = found.saw(format!("supervise {pid} works in {shown}, to which no name leads"));
        found.command(format!("svc -dx {path}"))
    };
    nameless.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, leads: Leads, is_link: bool) -> Name {
        Name {
            name: name.into(),
            path: format!("/s/{name}").into(),
            target: is_link.then(|| b"/d/x".to_vec()),
            leads,
            records: None,
            has_foreign_records: false,
        }
    }

    fn kinds(found: &[Finding]) -> Vec<&'static str> {
        found.iter().map(|finding| finding.kind.name()).collect()
    }

    #[test]
    fn links_that_lead_to_directories_are_right() {
        let right = [name("a", Leads::To((1, 1)), true), name("a/log", Leads::To((1, 2)), false)];
        assert!(wrong_links(&right).is_empty() && two_names(&right).is_empty());
        let wrong = [
            name("b", Leads::Nowhere, true),
            name("c", Leads::ToFile, true),
            // A plain file in the scan directory is no service, and nothing is wrong.
            name("README", Leads::ToFile, false),
            name("d", Leads::Unknown, true),
        ];
        assert_eq!(kinds(&wrong_links(&wrong)), ["link-dangling", "link-to-file"]);
    }

    #[test]
    fn a_directory_with_two_names_is_found_once_and_the_link_goes() {
        let names = [
            name("a", Leads::To((1, 1)), true),
            name("a/log", Leads::To((1, 2)), false),
            name("b", Leads::To((1, 1)), false),
            name("b/log", Leads::To((1, 2)), false),
        ];
        let found = two_names(&names);
        assert_eq!(kinds(&found), ["two-names"]);
        assert_eq!(found[0].commands, ["rm /s/a"]);
        // Two services whose `log` is the same directory.
        let names = [
            name("a", Leads::To((1, 1)), true),
            name("a/log", Leads::To((1, 9)), true),
            name("b", Leads::To((1, 2)), true),
            name("b/log", Leads::To((1, 9)), true),
        ];
        assert_eq!(two_names(&names)[0].commands, ["rm /s/b/log"]);
    }

    #[test]
    fn records_belong_to_one_directory() {
        let mut one = name("a", Leads::To((1, 1)), true);
        let mut other = name("b", Leads::To((1, 2)), true);
        one.records = Some(((2, 1), true));
        other.records = Some(((2, 2), true));
        assert!(copied(&[one.clone(), other.clone()]).is_empty());
        other.records = Some(((2, 1), true));
        assert_eq!(copied(&[one.clone(), other.clone()])[0].commands, ["rm /s/b/supervise"]);
        other.leads = one.leads;
        assert!(copied(&[one.clone(), other]).is_empty());
        one.has_foreign_records = true;
        assert_eq!(copied(&[one])[0].commands, ["rm -r /s/a/supervise"]);
    }

    #[test]
    fn a_supervise_without_a_name_is_found() {
        let names = [name("a", Leads::To((1, 1)), true)];
        let supervise = |inode, path: Option<&str>| Nameless {
            pid: 7,
            directory: (1, inode),
            path: path.map(|path| path.as_bytes().to_vec()),
        };
        assert!(nameless(&names, &[supervise(1, Some("/d/a"))]).is_empty());
        let found = nameless(&names, &[supervise(2, Some("/d/b")), supervise(3, None)]);
        assert_eq!(found[0].commands, ["svc -dx /d/b"]);
        assert_eq!(found[1].commands, ["svc -dx /proc/7/cwd"]);
    }
}
