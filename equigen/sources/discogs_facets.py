"""Countries and formats by which Discogs files its releases: how large searches are cut.

The names are those that Discogs' submission form and search use, most productive first, so that a
label that fills early is spared the rest. Facts carried over from
https://support.discogs.com (guidelines 8, "Country", and 6, "Format").
"""

COUNTRIES = (
    "US", "UK", "Germany", "France", "Japan", "Italy", "Europe", "Canada", "Netherlands", "Spain",
    "Unknown", "Australia", "Brazil", "Sweden", "Belgium", "Poland", "Greece", "Mexico", "Russia",
    "Finland", "Portugal", "Jamaica", "Norway", "Argentina", "Switzerland", "Denmark",
    "Yugoslavia", "Austria", "USSR", "South Africa", "Turkey", "Colombia", "Taiwan", "India",
    "Hungary", "Czech Republic", "Czechoslovakia", "South Korea", "New Zealand", "Indonesia",
    "Chile", "Peru", "Venezuela", "Israel", "Romania", "Ireland", "Malaysia", "Hong Kong",
    "Bulgaria", "China", "Ukraine", "Thailand", "Croatia", "Singapore", "Philippines", "Worldwide",
    "German Democratic Republic (GDR)", "Serbia", "UK & Europe", "USA & Europe", "UK, Europe & US",
    "USA & Canada", "USA, Canada & Europe", "USA, Canada & UK", "Germany, Austria, & Switzerland",
    "Germany & Switzerland", "Australia & New Zealand", "Australasia", "Scandinavia", "Benelux",
    "Czech Republic & Slovakia", "UK & Ireland", "UK & US", "UK & France", "UK & Germany",
    "USA, UK & Europe", "Germany, Austria & Switzerland", "France & Benelux",
    "Serbia and Montenegro", "Belgium & Netherlands", "Belgium & Luxembourg", "Spain & Portugal",
    "Italy & Switzerland", "Africa", "Asia", "South America", "Central America",
    "North America (inc Mexico)", "North & South America", "Europe & Asia", "Russia & CIS",
    "South Pacific", "Gulf Cooperation Council", "Middle East", "South East Asia",
    "South-East Asia", "Slovenia", "Slovakia", "Estonia", "Latvia", "Lithuania", "Iceland",
    "Belarus", "Moldova, Republic of", "Moldova", "Luxembourg", "Malta", "Cyprus", "Monaco",
    "Andorra", "San Marino", "Liechtenstein", "Bosnia & Herzegovina", "Macedonia", "Montenegro",
    "Albania", "Kosovo", "Georgia", "Armenia", "Azerbaijan", "Kazakhstan", "Uzbekistan",
    "Kyrgyzstan", "Tajikistan", "Turkmenistan", "Mongolia", "Cuba", "Puerto Rico",
    "Dominican Republic", "Haiti", "Trinidad & Tobago", "Barbados", "Bahamas, The", "Guadeloupe",
    "Martinique", "Bermuda", "Grenada", "Saint Lucia", "Dominica", "Antigua & Barbuda",
    "Saint Vincent and the Grenadines", "Saint Kitts and Nevis", "Cayman Islands",
    "Virgin Islands", "Curaçao", "Aruba", "Netherlands Antilles", "French Guiana", "Guyana",
    "Suriname", "Belize", "Costa Rica", "Panama", "Guatemala", "El Salvador", "Honduras",
    "Nicaragua", "Ecuador", "Bolivia", "Uruguay", "Paraguay", "Nigeria", "Ghana", "Kenya",
    "Tanzania", "Uganda", "Ethiopia", "Zimbabwe", "Zambia", "Mozambique", "Angola", "Senegal",
    "Mali", "Guinea", "Ivory Coast", "Cameroon", "Gabon", "Togo", "Benin", "Burkina Faso",
    "Congo, Democratic Republic of the", "Congo, Republic of the", "Zaire", "Rhodesia", "Botswana",
    "Namibia", "Malawi", "Madagascar", "Mauritius", "Réunion", "Reunion", "Seychelles",
    "Cape Verde", "Sierra Leone", "Liberia", "Gambia, The", "Mauritania", "Sudan", "Somalia",
    "Rwanda", "Burundi", "Swaziland", "Lesotho", "Egypt", "Morocco", "Algeria", "Tunisia", "Libya",
    "Lebanon", "Syria", "Jordan", "Iraq", "Iran", "Saudi Arabia", "Kuwait", "United Arab Emirates",
    "Bahrain", "Qatar", "Oman", "Yemen", "Palestine", "Ottoman Empire", "Afghanistan", "Pakistan",
    "Bangladesh", "Sri Lanka", "Nepal", "Bhutan", "Maldives", "Burma", "Myanmar", "Cambodia",
    "Laos", "Vietnam", "South Vietnam", "North Korea", "Macau", "Brunei", "Papua New Guinea",
    "Fiji", "New Caledonia", "French Polynesia", "Samoa", "Tonga", "Vanuatu", "Solomon Islands",
    "Guam", "Cook Islands", "Austria-Hungary", "Bohemia", "Protectorate of Bohemia and Moravia",
    "Dutch East Indies", "Indochina", "Korea (pre-1945)", "Singapore, Malaysia & Hong Kong",
    "Hong Kong & Thailand", "Singapore & Malaysia", "Southern Rhodesia", "Upper Volta", "Zanzibar",
    "Greenland", "Faroe Islands", "Gibraltar", "Jersey", "Guernsey", "Man, Isle of",
    "Vatican City", "Antarctica",
)  # fmt: skip

# Without "Cassette": cassettes are never taken, so they need not be asked for.
FORMATS = (
    "Vinyl", "CD", "File", "CDr", "Box Set", "All Media", "DVD", "SACD", "Shellac", "Lathe Cut",
    "8-Track Cartridge", "Reel-To-Reel", "Flexi-disc", "Blu-ray", "Blu-ray-R", "DVDr", "Minidisc",
    "Hybrid", "Acetate", "Memory Stick", "DCC", "Floppy Disk", "VHS", "Laserdisc", "CDV", "HD DVD",
    "4-Track Cartridge", "PlayTape", "Pathé Disc", "Edison Disc", "Cylinder", "DAT",
    "Microcassette", "Elcaset", "NT Cassette", "UMD", "Betamax", "U-matic", "Film Reel",
    "SelectaVision",
)  # fmt: skip
