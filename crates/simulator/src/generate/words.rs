//! What generated people are called and talk about.

pub(super) const FIRST_NAMES: [&str; 24] = [
    "Ana",
    "Bartosz",
    "Chiara",
    "Deepa",
    "Elif",
    "Femi",
    "Grace",
    "Hiroshi",
    "Ines",
    "Jürgen",
    "Katarzyna",
    "Liam",
    "Mei",
    "Noah",
    "Olivia",
    "Páll",
    "Quentin",
    "Ravi",
    "Sofía",
    "Tomasz",
    "Uma",
    "Viktor",
    "Yara",
    "Zoë",
];

pub(super) const LAST_NAMES: [&str; 24] = [
    "Almeida",
    "Bergström",
    "Castillo",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Hassan",
    "Ivanova",
    "Jensen",
    "Kowalski",
    "Leroy",
    "Müller",
    "Nakamura",
    "O'Brien",
    "Patel",
    "Quiñones",
    "Rossi",
    "Singh",
    "Tanaka",
    "Ueda",
    "Vásquez",
    "Weber",
    "Yılmaz",
];

pub(super) const COMPANIES: [&str; 16] = [
    "Acme",
    "Blue Harbor",
    "Café Nord",
    "Delta Freight",
    "Evergreen",
    "Fjord & Sons",
    "Globex",
    "Hölzl",
    "Initech",
    "Juniper Labs",
    "Kite",
    "Lumen",
    "Meridian",
    "Northwind",
    "Orchid",
    "日本ソフト",
];

pub(super) const TITLES: [&str; 10] = [
    "Discovery",
    "Demo",
    "Kick-off 🚀",
    "Pricing review",
    "Security questions",
    "Quarterly review",
    "Contract \"redlines\"",
    "Renewal",
    "Onboarding – week 1",
    "Technical deep dive",
];

pub(super) const TOPICS: [&str; 12] = [
    "Pricing",
    "Competitors",
    "Security",
    "Integration",
    "Timeline",
    "Budget",
    "Next steps",
    "Objections",
    "Onboarding",
    "Support",
    "Roadmap 🗺",
    "Contract",
];

pub(super) const STAGES: [&str; 6] =
    ["Prospecting", "Discovery", "Evaluation", "Proposal", "Negotiation", "Closed Won"];

pub(super) const COMPETITORS: [&str; 5] = ["Globex", "Initech", "Umbrella", "Hooli", "Vandelay"];

pub(super) const SKILLS: [&str; 4] = ["Rapport", "Discovery", "Clarity", "Next steps"];

/// Fragments that need care somewhere between here and a table; written into JSON as they stand.
pub(super) const AWKWARD: [&str; 10] = [
    " 👍🏽",
    " — \\\"quoted\\\" and 'single'",
    "\\nsecond line",
    " שלום לכולם",
    " naïve café",
    " مرحبا",
    " 東京で会いましょう",
    " C:\\\\temp\\\\deal.xlsx",
    " <inaudible>",
    "\\ttab, semicolon; and 100%",
];

/// Plain words: they need no escape in JSON.
pub(super) const VOCABULARY: &str = "the of and to in that is was for it with as his on be at by had not are but \
from or have an they which one you were all her she there would their we him been has when who will no more if \
out so up said what its about than into them can only other time new some could these two may first then do any \
like my now over such our man me even most made after also did many off before must well back through years much \
where your way down should because long each just state those people too mister how little good world make very \
year still see own work men day get here old life both between being under three never know same last another \
while us might great go come since against right came take used himself few house use place during high without \
again home around small however found part once general give upon school every does got united number hand course \
water until always away public something fact less though far put head think called set almost end night better \
system nothing question eyes going look group city point business program company market order price customer \
product service team account contract budget quarter renewal pipeline forecast revenue pricing demo trial support \
integration security platform feature dashboard report meeting email calendar timeline roadmap decision approval \
legal procurement discount invoice license user admin rollout training onboarding adoption metric target manager \
director executive stakeholder champion competitor evaluation requirement deployment migration environment tenant \
record field workflow approval review feedback summary follow schedule agenda question answer concern objection \
value impact growth margin cost saving efficiency process quality risk compliance audit policy region office \
remote engineer analyst consultant partner vendor supplier agreement clause term signature deadline milestone";
