/// Facts about the files in `tests/conformance/data` of https://github.com/foxglove/mcap (MIT licence, Copyright Foxglove
/// Technologies Inc.), from the Git LFS pointers of the repository: one row a file with its features, its size in bytes and
/// its SHA-256. A `.` stands for no feature. A last field `0` marks a file of an earlier revision, in which the data section
/// has no checksum; the hash of its present revision is not known here.
enum ConformanceFacts {
  struct Fact {
    var name: String
    var size: Int
    var sha256: String
    /// False for an earlier revision of the file.
    var hasDataChecksum: Bool
  }

  static let all: [Fact] = (few + oneMessage).flatMap { name, table in
    table.split(separator: "\n").compactMap { row in
      let fields = row.split(separator: " ")
      guard [3, 4].contains(fields.count), let size = Int(fields[1]) else { return nil }
      let suffix = fields[0] == "." ? "" : "-" + fields[0]
      return Fact(
        name: name + suffix, size: size, sha256: String(fields[2]), hasDataChecksum: fields.count == 3)
    }
  }

  private static let few: [(String, String)] = [
    (
      "NoData",
      """
      . 75 707d2a9a999d72cb8bf37b27bed72140fa99dd22310b0adc2088e2c7b23fb601 0
      pad 78 92bd451103a398c75b4075706a6950dc8d205eb4d1da156187956df5bb56095a
      pad-st-sum 165 b5a32905482d1e5c120712614a4923e489303ef55399a2bfe98821613220ab72
      st-sum 156 78aed9973f50c4ebc30a8eab27453f6e42b2984c4f402d57e002dafdf217b744
      """
    ),
    (
      "OneAttachment",
      """
      ax 240 526ebf37df0a18ee8550db792f379c9ed7044d236ded56c9245983470c886704 0
      ax-pad 249 8be20f4ec17b88b7082190c0f76a9d1bfea81532da53e8e8741d09ac34cad6dc
      ax-pad-sum 278 3100e77a742a58ae21549213235526808695b3ac42e67e334a874f21c2b94409
      ax-st-sum 347 22ff1eab80dd1e9869214bf7737e95df16599cf7fa8bf7963c4d3a5e8cd68e2f 0
      """
    ),
    (
      "OneMetadata",
      """
      . 116 378cc0683fa355e44bb92666e0d89619e9ab490e85bc6fc240e8d20f8ee58230
      mdx 155 515757e7af63cb633d72ac9915748e7cfd10b4e5b2d8d64e4a1aa880ad2158e0
      mdx-pad 164 5de67dfb5b1ee5df2e9dc3e764da1c5fba3447f84dca8acd72e785c90c7e1ae9
      mdx-pad-st 222 5fd80ada56936c536b23ed057e3e74025150419478d157d38c32ed4f5b99d17f
      mdx-pad-st-sum 280 8f7725b09fadbc4f1a6cc158d3ced7cdb49d361c67573329b7aa7d33b5d01b81
      mdx-pad-sum 193 443c8f2490bd07ccd9db4d8a4948afcf1c2b1bad443f428aa5a58a3533527701
      mdx-st 210 b2a311fac26646aed316861c7e9e45d0223e3a4417f10d7b47350f398a27d05e 0
      mdx-st-sum 262 6d7681e1536e3c61a0d9755b1b10b9a7ad4c2042855a839ce96c8c024bc64316
      mdx-sum 181 17309e6dcf9a02fa455f4a1df6c67a48ec2925334557eab229cc3d3a34aa9726 0
      pad 122 ad0762644d7bf8df84752e0eaa5e89d64e0390cfa2ccf8c409e390eeb42e3f26
      pad-st-sum 209 802dcdf947a9d8dc7bc2feb306bb6c8a191c3056880ea77bea7da0e3e7b778b0
      st 171 73f66ffc186c703ee979a6495b51c20d4e19cfc5b05dc08a72ae79b59c939577 0
      st-sum 197 9bf77d567622e60d13d8d31f1b7c59ad24ff5dc02a51435f398c4fe75b4dc65e 0
      """
    ),
    (
      "TenMessages",
      """
      . 496 f0ac493fe49dd128fe676619e4198a326dde12d60cac8a27e8a4fb2a61a630c7
      ch 545 e7d1b3754521cdbce087a2930a110ff7802eacea02d8035be67c69a3d1d8b608
      ch-chx 618 c56a4db240c49c52aeb281fbcc87975ddbd712b5cce026db11bcf0e98065111b
      ch-chx-mx 803 b712b86b989c4e9de1f0fa677cfca1d67b63870376b773115c68f4e948eb37cc
      ch-chx-mx-pad 812 bd6dbc105ba88fe1c9fed0a9bb2b3dd617ac708f64c92bae3ed92407a1102292
      ch-chx-mx-pad-rch 862 4a2dac34040bdd30f8f62643862ff8932235c1a178f696649dd83db600e9c2ec
      ch-chx-mx-pad-rch-rsh 899 0823cc22af6b147558cca393952c92ff02f1286496ebbb6198fe6a17369f7349
      ch-chx-mx-pad-rch-rsh-st 967 3a76246a4b9cb1e58fc99ac54a0de7741d652d6eb6966585d6dc48920aee5d40
      ch-chx-mx-pad-rch-rsh-st-sum 1083 358413d53e6fb2753efb3eac682bc9d776bb2afb1de5e395817efd8f16303fbc
      ch-chx-mx-pad-rch-rsh-sum 986 f37e6d08bf1b971fc7b06a443943119f127d40868bc9b302cc726b29c0cd35ab
      ch-chx-mx-pad-rch-st 930 b7393bc4b60966e6ee70f7dc9ffa31f3635c5a1015d6ab6481a36110af31d92c
      ch-chx-mx-pad-rch-st-sum 1017 7dfcdaa8c71558fac77314cd14ee4542bb5bd031d203913ab28602e7fea5acd5
      ch-chx-mx-pad-rch-sum 920 0bc9f216c9722de21903a015d4d9c9ebed94160adc27b9fcd388d996fceeb647
      ch-chx-mx-pad-rsh 849 ea99a39c33c12ff79f1c64a409baa12b03e58f47bdae8f9ff2320b36fb8f8e6d
      ch-chx-mx-pad-rsh-st 917 cd3ef14946b068f2b1a9b4b83be98b65a5de3ff0eb0b495cb0706d928ce5b7fb
      ch-chx-mx-pad-rsh-st-sum 1004 ba300083a4ac97089e19044666bbe406b2120033c9473d5736adc419e743b6a1
      ch-chx-mx-pad-st 880 4c95c833c49477508d6c10e0cb61dd2c4d945d89fbedf69e34210035a7f91894
      ch-chx-mx-pad-st-sum 938 a648f52e71519c12546f5fa20d8300c82bc5e38a81f19ad750c290a11446fa6e
      ch-chx-mx-pad-sum 841 1939ccdbabc70d775b186626ccae6c91300a7b803788825c147376fe979dd396
      ch-chx-mx-rch 850 3ad11d6729c74733529c2e2b259c18605fc0b89d20706690193ca5ae6f151e8a
      ch-chx-mx-rch-rsh 884 b602bd00ba62b28e94f4e45e8789c319d651ab4bac2d932166e3df570945af0a
      ch-chx-mx-rch-rsh-st 949 bc1c9934c76b3ade5ef20f5f27857ef26aabac423fcfb84cff1b1ba78b2ae30c
      ch-chx-mx-rch-rsh-st-sum 1053 813c4eb55e1195e5af9482f60d9b214cd083a8805720ec1663812637d716e4d5
      ch-chx-mx-rch-rsh-sum 962 3332d9ee4446cc3a85c315ad2d4b4ca97e6c1e034bc77fc9261ec43d25f315b2
      ch-chx-mx-rch-st 915 9ecf573e45be73fd76da7aeb818b5615d820bcfe1b14b3e2eb5f1591b47cb9a2
      ch-chx-mx-rch-st-sum 993 9b69e80511d9448a77e14a66185cb88aa1e30487a8e295434217f608392be8b8
      ch-chx-mx-rch-sum 902 15a83e04c52a808aa23bd20e0e882e41ad6f84429e3ddb959e91e540f6820017
      ch-chx-mx-rsh 837 21a6caedfa173ec64d774371998efb83cc0654567371486ba5c8c731ff0b643d
      ch-chx-mx-rsh-st 902 e5cb564caa7b072f6225f6c6b16bc4edc97c75bba96a0eb51b458df8aeb19995
      ch-chx-mx-rsh-st-sum 980 43797129f5c16d9ef2581ee05055b2d71b1179002706301bc5aa89188f5edc56
      ch-chx-mx-rsh-sum 889 7f7821129be8457ef77497f37cadf674b7916ea2664355927224e51c5b6188ff
      ch-chx-mx-st 868 348fbcfb5e19e6d7abf7226b483d8df4737a0fab84dbaef88940a38d5aaaf014
      ch-chx-mx-st-sum 920 4124641ef8b8677812622f2bcb7120b600dc80e70c5197fa8cd36cea95e40f8b
      ch-chx-mx-sum 829 d5ae09648a1c25460c343a8043007fbf55706717d7b8f7b512494326376eacdc
      ch-chx-pad 624 f2485fa0ba073045cd5124a9a7af95672e73bf0e32656765e7f8aa80afd246ec
      ch-chx-pad-rch 674 d7e0c153ec05c41a608d6097476ece5b1c83a5486193daa0812326311af76148
      ch-chx-pad-rch-rsh 711 f37472c05913a12414def56e6c820fc03dfaf77922d412b24fe851fdc938cbad
      ch-chx-pad-rch-rsh-st 779 07954f1c3ef3993104eef55aefb5f8e8903d260030334e7e1b1fda88ae9594ba
      ch-chx-pad-rch-rsh-st-sum 895 ccc104054560b6ebd5b5b71c060fe8c1cd9b9a9c0a7d459267a1106a448c1a60
      ch-chx-pad-rch-rsh-sum 798 429b79e2b1785784966e5b596f659cdb7493dd866fd6e14b974e83d634bd7d4d
      ch-chx-pad-rch-st 742 fce47763a82c7f74618c873a639ccfc9896a525dc6a35f0bc86b851e147e5147
      ch-chx-pad-rch-sum 732 1fe3e80416d734836d09df5b2399152afb597eed28272ba36e23ac5186b2ac70
      ch-chx-pad-rsh 661 895a0e368b70b6d3693351c2c41afc41724b15fbf8aa4057cd351eb9745aef6f
      ch-chx-pad-rsh-st 729 e938608e2cf181ad3ca15016ff6b5a7ebf6d09c6991e869b798dbf62566673e3
      ch-chx-pad-rsh-st-sum 816 b0f4cc52d759725f118c9dfee3620fd69b2fad47b03c5a7a0b38756fbb155ec3
      ch-chx-pad-rsh-sum 719 7ebc54ba912c5bdb7fa8fa0d3b9a086b81fb190c643a11bfd372693f696fa272
      ch-chx-pad-st 692 1717070eeec6db558a3e25733e2a4f077097955727c11821b2935677d2cec9f4
      ch-chx-pad-st-sum 750 edb95ab5bfc107191d91d1df7c3426791cddd5fe55fea4386461382a63d3b467
      ch-chx-pad-sum 653 4db88f9a0760e3da52773f311ea6073dd23a68f3770543ae5af52642ac8057f0
      ch-chx-rch 665 a2c1c04dc0a5edb81163215612433ea2b9caa5f00e0107eebae82ac12ff08a2e
      ch-chx-rch-rsh 699 b480ef226438f43255c36bd1371097b34286a4349e18e645915ed7d0b8c9bb9a
      ch-chx-rch-rsh-st 764 f7c9efbb18587b79b587f58e93add82c6b7511de2f7a1514c5a9badf42cec012
      ch-chx-rch-rsh-sum 777 b8e0e17313bbf0f31bc35e66ef1e0848a74fcfb20e344261cef1b005283e3a38
      ch-chx-rch-st 730 e278c9dd70eb2dcbc8b3d193498e0c3bb375e190c10a8f481a37b41ee54449e6
      ch-chx-rch-st-sum 808 1d26b6a06ad3075ec364979c681c393e925cc8b58713f81a81f02a331101643e
      ch-chx-rch-sum 717 e430369182f014e7b83c6951668083bb5857cda0122f2939032aa3dddc36b4c9
      ch-chx-rsh 652 63a70d215d4eced3d7b831fee91b023dae913cdc3179f68c7c794e8ccf2b24c9
      ch-chx-rsh-st 717 4eea7c8fc698e415afaf48a85ec8b608f530f9444a3684aa0c2c73ff0111e8b4
      ch-chx-rsh-st-sum 795 95993f3cb38ef890beb9d2e755e55a92910ecc640705520070bad7760292152a
      ch-chx-rsh-sum 704 ba4e77b55496907ca9f344c87c036495900d47691320b2fa27e7cc0060b14607
      ch-chx-st 683 6a7369c37c5cd797fc0ca11038b593915b11822d1ee516908a017f29da5651d8
      ch-chx-st-sum 735 f6b56ff6f12536ede3a7a522a4628dd8df54b777e628080b9fc334159726a14e
      ch-chx-sum 644 239c751c0113618e70d347fed02d049f69e915f77043f05bb371eff47b7ee5e0
      ch-mx 720 fb124d110d2e4c503648401ddfdb754513a71b148c4aa89931686b5d85e1bb15
      ch-mx-pad 726 2f2ef5a544a69310c732dfa6b5e29e4aa33d5bdd1788396a9a18c98bd4a89403
      ch-mx-pad-rch 776 28e792d6bd58da6aad44ce52bb564c63ea886191f820b4b2bdc483cddf100341
      ch-mx-pad-rch-rsh 813 114bd39090d3a906ea02ebcf8edd1fd2b9af6402b39cbca6b4d919c7cee26798
      ch-mx-pad-rch-rsh-st 881 93f122f7f15e4119ecfaccd724dc6be3714f65b55d3d25c32413c6ae5c0ac263
      ch-mx-pad-rch-rsh-sum 871 0ceaea585e207d2243a8922ab0f96ca5b7310ab394afb86dfef98db51c9f0fdc
      ch-mx-pad-rch-st 844 6749ec079d2edf1e7a3905092eb32f74e6d87da077a8036747fffce832240fde
      ch-mx-pad-rch-st-sum 902 752e804658ea9359ef7c6a01431ea3d5b341df52499807b8979c4c6e6d934ac8
      ch-mx-pad-rsh 763 2ba051ee4b119bffe53e903e69dfad9bfdba74de5c77d27685c6e4972da2b6d5
      ch-mx-pad-rsh-st 831 b20e852636c35cda3f4eecfdf0a7e47278391f1415547e640e1832e59a7aeec6
      ch-mx-pad-rsh-st-sum 889 d53f41a13b2724b23d3e70a16cbe438f98ee674d0ce2f725330cb50cc3276da9
      ch-mx-pad-rsh-sum 792 a8d3b334fa8cb54e149813b782ed1a75e132b207acb499a45367af52e9b09105
      ch-mx-rch 767 5a738f776cf6f27f4956d777a6c5e2374650c0d861bd0a2b20c5e15c2152ef7c
      ch-mx-rch-rsh 801 8c7c8f20565f53cfb0e9e809aa05c385c2df20791cdb1b6dec950264a3c03145
      ch-mx-rch-rsh-st 866 dbe639f63f35a263bf7862193d24dc30a2f8261c575167e5e435846eda6cd62b
      ch-mx-rch-rsh-st-sum 944 492dc2f251b5fb60e62b4a94e32c4b64c56e5ffaa68059338d34d69166ccb33e
      ch-mx-rch-rsh-sum 853 0e9d379145e7ad7f37225f9245d7d75b5bf22c9d349e51a8614004bd000f1186
      ch-mx-rch-st 832 d30b7249930dc79b0eaf22c7e1ced33ed32da1aadb67dafd90088d5a89d9709f
      ch-mx-rch-st-sum 884 81250145670ad545c4fec1119216a4d9a984c3bf3dfa9a9ab58c31f4e1780d3d
      ch-mx-rch-sum 793 071de3abb77ce406855532a5e2822298be1b43430054a387dd3b5617c5610d52
      ch-mx-rsh 754 0dc4199d7757594dfc1ae92bbfbe4fce6e31b6fd80174a53ad7a426f1b831025
      ch-mx-rsh-st 819 06251296ed8878e7beb80b3c92e1548c50164382bf88d76d226df8e3e67a34f8
      ch-mx-rsh-st-sum 871 3d4a07ecd96c35931bb7f5b140916a82771bd356312af29f327156e886ed5476
      ch-mx-rsh-sum 780 e686b81e117686617b4ea2abee1cfa62778597c7d2bf187a68cfdd47c0760dcb
      ch-mx-st 785 f70fe46e2f4bcc7b204372ce3daf3c2ce7673c0986e48f1b41c126440844c7e1
      ch-mx-st-sum 811 d3ef8326ff76f8bb15a4449a3feaf4382d3c108bcd9ccaa65d64a3b162cc9b2f
      ch-pad 548 eb081109bfe0f91381cbfd8ec3efb0e204b92c6360948cf97ca295ee18f80363
      ch-pad-rch 598 826b4bd73793611061884705c7fa9944b84f3f21e3c4c1655d2bbea73faf1353
      ch-pad-rch-rsh 635 790042231fcb84e7032c075e88f6d06ce4bdd00d02f1a01dee1fbe88493536bd
      ch-pad-rch-rsh-st 703 5a1ceb6a9e969a10c667474c2cbfc053cf7ed089e8a82e7e96d8cf7fb042284b
      ch-pad-rch-rsh-sum 693 11d512c81483d5140439dcd6d62bdaa97563365c2c032121e5a4b1d1569b29a9
      ch-pad-rch-st 666 ed05465b0807bc300cbcfc20eca2d220c9effa293fafafc2034972a5e4002e3d
      ch-pad-rch-st-sum 724 e2f7a02ece0a98c838c6574d47bcf4ff0d98bc4b655c000dc74ebc204d84d5f4
      ch-pad-rch-sum 627 dc6062b63537154ef53db96ebd4e52923671d0c6201d4194f288404c09086087
      ch-pad-rsh 585 063625a62d9549f5988cc824821837bfb53cd418ccf84f90b797f1ed3fd18feb
      ch-pad-rsh-st 653 13f8e965bb8328850368bb8b232dbc32bc8e2b23dbdff72f82752e0937435366
      ch-pad-rsh-st-sum 711 68e9f0e230824aeb6d87ecf0fce202436ee16e557abc363733c8e39a921dbdb4
      ch-pad-rsh-sum 614 3a59397994d9e4aa9d26f79181dcd2f13903068d889820be89a438cc4eab65f8
      ch-pad-st 616 9a99e5e8c0a74d64c04c4d95fce107471d4c39d50c2a492bdc7a87b2509cab42
      ch-pad-st-sum 645 c93236900df1efe53b8b488d9ed8041a14affbca1aa57d1ebcbf300cc8e62c39
      ch-rch 592 d1e4a4af0219a271f75af67b9763b22fa1cd2c5490dc0193b7de2bcada94f7e5
      ch-rch-rsh 626 863beda7630aec8d7cf138dd7d0bffbcc8dc37dd32a2d0b013f40716555768a4
      ch-rch-rsh-st 691 2a1aeebe0922b8bee73895cf9ebc24be5ba8fb6488b9f5eca077ff65989e4dd7
      ch-rch-rsh-st-sum 769 74e394aa4cb071812a8272af622fde42a983bcab4bee476f1c9eff68c9394f73
      ch-rch-rsh-sum 678 eddbfc9aa3bdd79d9dd07fb55b8a01261ab720cfbd0d63594bdf4763498c64a4
      ch-rch-st 657 dee1f8cac83af8678bf13ce92699ecf5b2d98919eeb5f4c5f6c05fe666c84f70
      ch-rch-st-sum 709 1a9bcc49abf75e2321cc5dac80420db166ee0986cc3c9995c122f3b40a19bbc9
      ch-rsh 579 fae7b8ee0589b7acaea429565a24160946e08457740a777f60899b3776f6703b
      ch-rsh-st 644 47bc01199eff8275a944b2173cf25f90beedcb456f0c4960454fea311dc31b9e
      ch-rsh-st-sum 696 3b191e1fb0dcc920b19fcd6e1c85949f03a86a13f512a364acfa9c2471bd2151
      ch-rsh-sum 605 e11a1d54fa86b82508500b7977c0499a637a4a4a293307a8031afd148f42b3e0
      ch-st 610 a088b8663a2a6bc9af7b1ab9e640a77c342d49dbc7f2717de2fe17cdec55a7c3
      ch-st-sum 636 a8da4f5f20055968e2a99916fd452b986cdcc0745fe943d75443f5eef4a79bcb
      pad 505 aa11bc3f0e326a3b1019ee0c44a0a3d561cd08b09709bbd0d8d638b183f66d1d
      pad-rch 555 fb153d23eb5f3d9cba38277c42d6d8897fb820edba1c43ae6f5e81cf495091f9
      pad-rch-rsh 592 ad5da19e6cba78db09216a652ff94feef6e4061c0a36dd7242ec832736825ab2
      pad-rch-rsh-st 660 79fc38d2ead0cf7f8d23cf172c91a9151be8e90f68ff5fb5b88b5140e4d4785e
      pad-rch-rsh-st-sum 747 3be3f2bfaf7816218d020c3857c02accaf70d528671203bf6d9c36261a58637e
      pad-rch-rsh-sum 650 9d5815afe11cd78b5881f06014785d8f461b2874c5f0f378f954525c0ccbdb43
      pad-rch-st 623 1e80fb9e7867f69196b0016929afe5d60ce75f3f67a0189e239e3070c4254c76
      pad-rch-sum 584 78c4d889881bb2e1d89f55477e857c2ee49ce4d96a52b4b49fa4d91c20a1348d
      pad-rsh 542 a7fe9bb9131f6603b272642f0f34ce6bf2dfafade8b3039822e218e021b5a185
      pad-rsh-st 610 693f6e57b4a16ec1ab42033fc6fd79c9a4a24c034dbb9e405b3c9978d3a58c93
      pad-rsh-st-sum 668 15ca872ad07cf92fa3ef87bd795b56d1c13098b61985f5a9f01885d5cecd9da6
      pad-rsh-sum 571 6baa1480776f02c63ab5835fc1ba4f7e1620e3dbd173436e5a0f558c229cb46c
      pad-st 573 c9ca3948ded81878f19c92b363a9bfaf504be7c5b646644c1fc97571eccbebfc
      pad-st-sum 602 5aa17fb5213565faef33b057304b28566b83def3a0559cbcc6461ba26c71807e
      rch 543 0f6661a0ecaddb71a96109b002a1d4d5e4256075741f8e227bddb7e0ab0a922b
      rch-rsh 577 51bec34f38a79ed26e703976f0d22b5efbf7aad282538460e5e06ba8deab10bf
      rch-rsh-st 642 dc154ec1bf40983be1c689a95aa53e0b18c6eb73ca1a5ddce599f0f1732725f5
      rch-rsh-st-sum 720 153d058d1a23c6e7afbee1c0c9380ce9ca70a27c3c829dbb7ffab953f8365340
      rch-rsh-sum 629 e85f22d8b27ee65fd27209674d1c340c8efef01011e4f85f143d21c65fd41807
      rch-st 608 7f79340682bca6a9e2da846c68db2f06400147027e0792f1c623359edf9ce162
      rch-st-sum 660 d277c738802030811e81b943cd43f2960ce0617a90cb86b371267637f400ee67
      rch-sum 569 64fe52d8f3b2be875e93cb9445bc98f65fe7577bff2ecd9df8723cd1dc3fd829
      rsh 530 b97cef961b414ad381abb8c41b38b4e6943d2b92425009df6a454deef61c84aa
      rsh-st 595 e425e964bc4d21be3e63d94d03809b4c7cb582091cbe422e5bc16de160564b58
      rsh-st-sum 647 b92de4e208a8ea9d9e621abbed6c4e073ccfa691535fbe30d4a0e4263acf08dc
      rsh-sum 556 649b04c75312342e8703006ed89e4c817235fad3a723b167a661026ab70cce9a
      st 561 bf86813f42a6af2d5951be985d4b82277c5600c6aa091943aa804b6c0d0cf8da
      st-sum 587 73ca636a9f93c4915deafac2ca79d51c6433550c42fcdbca5c664b5b4d281228
      """
    ),
  ]
}
