// One round of DCMTK's reading of the listed files: dcmtk_peer LIST MODE, MODE = header | values | whole | json. Prints "seconds cpu-seconds elements bytes".
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcjson.h>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

static size_t touch(DcmItem &item, size_t &bytes)
{
    size_t n = 0;
    for (unsigned long i = 0; i < item.card(); i++)
    {
        DcmElement *e = item.getElement(i);
        n++;
        if (e->ident() == EVR_SQ)
        {
            DcmSequenceOfItems *s = static_cast<DcmSequenceOfItems *>(e);
            for (unsigned long k = 0; k < s->card(); k++) n += touch(*s->getItem(k), bytes);
            continue;
        }

        OFString value;
        if (e->getLength() < 1024 && e->getOFStringArray(value).good()) bytes += value.size();
    }

    return n;
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    std::vector<std::string> files;
    std::ifstream list(argv[1]);
    for (std::string line; std::getline(list, line);) files.push_back(line);
    const std::string mode = argv[2];
    size_t elements = 0, bytes = 0;
    const clock_t cpu = clock();
    const auto start = std::chrono::steady_clock::now();
    for (const std::string &path : files)
    {
        DcmFileFormat file;
        const OFCondition read = mode == "whole"
            ? file.loadFile(path.c_str())
            : file.loadFileUntilTag(path.c_str(), EXS_Unknown, EGL_noChange, 4096, ERM_autoDetect, DCM_PixelData);
        if (read.bad())
        {
            fprintf(stderr, "cannot read %s\n", path.c_str());
            return 1;
        }

        if (mode == "values")
        {
            elements += touch(*file.getDataset(), bytes);
            continue;
        }

        elements += file.getDataset()->card();
        if (mode == "whole")
        {
            // Values beyond 4 KiB stay in the file until they are asked for.
            if (file.loadAllDataIntoMemory().bad()) return 1;
            std::ifstream whole(path, std::ios::ate);
            bytes += whole.tellg();
        }
        else if (mode == "json")
        {
            // As dcm2json does it: JSON is UTF-8.
            if (file.convertToUTF8().bad()) return 1;
            std::ostringstream out;
            DcmJsonFormatCompact format(OFFalse);
            file.getDataset()->writeJson(out, format);
            bytes += out.str().size();
        }
    }

    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    printf("%.6f %.6f %zu %zu\n", seconds, double(clock() - cpu) / CLOCKS_PER_SEC, elements, bytes);
    return 0;
}
