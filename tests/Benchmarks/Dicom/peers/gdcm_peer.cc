// One round of GDCM's reading of the listed files: gdcm_peer LIST MODE, MODE = header | values | whole. Prints "seconds cpu-seconds elements bytes".
#include <gdcmFile.h>
#include <gdcmReader.h>
#include <gdcmSequenceOfItems.h>
#include <gdcmStringFilter.h>
#include <gdcmTrace.h>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

static size_t touch(const gdcm::DataSet &set, gdcm::StringFilter &text, size_t &bytes)
{
    size_t n = 0;
    for (gdcm::DataSet::ConstIterator it = set.Begin(); it != set.End(); ++it)
    {
        n++;
        if (gdcm::SmartPointer<gdcm::SequenceOfItems> sequence = it->GetVR() == gdcm::VR::SQ ? it->GetValueAsSQ() : nullptr)
            for (gdcm::SequenceOfItems::SizeType i = 1; i <= sequence->GetNumberOfItems(); i++) n += touch(sequence->GetItem(i).GetNestedDataSet(), text, bytes);
        else bytes += text.ToStringPair(*it).second.size();
    }

    return n;
}

int main(int argc, char **argv)
{
    if (argc != 3) return 2;
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
    std::vector<std::string> files;
    std::ifstream list(argv[1]);
    for (std::string line; std::getline(list, line);) files.push_back(line);
    const std::string mode = argv[2];
    size_t elements = 0, bytes = 0;
    const clock_t cpu = clock();
    const auto start = std::chrono::steady_clock::now();
    for (const std::string &path : files)
    {
        gdcm::Reader reader;
        reader.SetFileName(path.c_str());
        if (!(mode == "whole" ? reader.Read() : reader.ReadUpToTag(gdcm::Tag(0x7FE0, 0x0010))))
        {
            fprintf(stderr, "cannot read %s\n", path.c_str());
            return 1;
        }

        if (mode == "values")
        {
            gdcm::StringFilter text;
            text.SetFile(reader.GetFile());
            elements += touch(reader.GetFile().GetDataSet(), text, bytes);
            continue;
        }

        elements += reader.GetFile().GetDataSet().Size();
        if (mode != "whole") continue;
        std::ifstream file(path, std::ios::ate);
        bytes += file.tellg();
    }

    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    printf("%.6f %.6f %zu %zu\n", seconds, double(clock() - cpu) / CLOCKS_PER_SEC, elements, bytes);
    return 0;
}
